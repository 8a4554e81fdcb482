import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import {
  connectDatabase,
  type Database,
  type DatabaseConfig,
  type Sql,
} from '@latchkey/platform/database/client'
import { asSuperuser, withDatabase } from '../servers/as-superuser.js'
import { cloneDatabase, dropDatabase } from './queries.js'

/** What a test gives: tap's `t`. */
export interface TestContext {
  teardown(release: () => Promise<void>): unknown
}

export interface TestDatabase {
  /** As the owner. */
  readonly url: string
  readonly owner: Database
  /** Also called when the test ends. */
  drop(): Promise<void>
}

// "source database is being accessed by other users": somebody looks at the template.
const templateInUse = '55006'
const templateDeadlineMs = 15_000

/**
 * A database of the test's own, dropped when the test ends, whoever is still connected: migrated, as a clone of the template,
 * or empty. To be made before the first subtest, because tap ends a test that has none running.
 */
export async function createTestDatabase(
  t: TestContext,
  { isEmpty = false }: { isEmpty?: boolean } = {},
): Promise<TestDatabase> {
  const adminUrl = process.env['LATCHKEY_TEST_DATABASE_URL']
  const template = isEmpty ? 'template0' : (process.env['LATCHKEY_TEST_TEMPLATE'] ?? 'latchkey_template')
  if (adminUrl === undefined) throw new Error('LATCHKEY_TEST_DATABASE_URL is not set: npm test sets it')
  const name = `latchkey_test_${process.pid}_${randomBytes(6).toString('hex')}`
  const url = withDatabase(adminUrl, name)
  const deadline = performance.now() + templateDeadlineMs
  await asSuperuser(adminUrl, async (admin) => {
    while (!(await cloneTemplate(admin, { name, template, deadline }))) await delay(20)
  })

  const owner = connectDatabase(testDatabaseConfig(url), {
    role: null,
    pool: 'session',
    max: 4,
    applicationName: 'latchkey-test',
  })
  let dropped: Promise<void> | null = null
  const drop = async () => {
    await owner.end({ timeout: 0 })
    await asSuperuser(adminUrl, (admin) => dropDatabase(admin, name))
  }
  const database: TestDatabase = { url, owner, drop: () => (dropped ??= drop()) }
  t.teardown(() => database.drop())
  return database
}

/** The database settings of a test: patient, because many tests share two cores. */
export function testDatabaseConfig(url: string): DatabaseConfig {
  return {
    databaseUrl: url,
    databaseUrlTransaction: url,
    dbSsl: null,
    dbPoolMax: 10,
    dbIdleTimeoutMs: 30_000,
    dbConnTimeoutMs: 10_000,
    dbStatementTimeoutMs: 30_000,
  }
}

/** False when the template is in use and the deadline has not passed. */
async function cloneTemplate(
  admin: Sql,
  { name, template, deadline }: { name: string; template: string; deadline: number },
): Promise<boolean> {
  try {
    await cloneDatabase(admin, name, template)
    return true
  } catch (error) {
    const isInUse = error instanceof Error && 'code' in error && error.code === templateInUse
    if (!isInUse || performance.now() > deadline) throw error
    return false
  }
}
