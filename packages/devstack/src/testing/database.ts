import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { connectDatabase, type Database, type DatabaseConfig } from '@latchkey/platform/database/client'
import { createDatabase, dropDatabase } from '@latchkey/platform/database/databases'

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

/** A migrated database of the test's own, cloned from the template and dropped when the test ends, whoever is still connected. */
export async function createTestDatabase(t: TestContext): Promise<TestDatabase> {
  const adminUrl = process.env['LATCHKEY_TEST_DATABASE_URL']
  const template = process.env['LATCHKEY_TEST_TEMPLATE'] ?? 'latchkey_template'
  if (adminUrl === undefined) throw new Error('LATCHKEY_TEST_DATABASE_URL is not set: npm test sets it')
  const name = `latchkey_test_${process.pid}_${randomBytes(6).toString('hex')}`
  const url = withDatabase(adminUrl, name)
  const deadline = performance.now() + templateDeadlineMs
  await administer(adminUrl, async (admin) => {
    while (!(await cloneTemplate(admin, { name, template, deadline }))) await delay(20)
  })

  const owner = connectAsOwner(url, 4)
  let dropped: Promise<void> | null = null
  const drop = async () => {
    await owner.end({ timeout: 0 })
    await administer(adminUrl, (admin) => dropDatabase(admin, name))
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
  admin: Database,
  { name, template, deadline }: { name: string; template: string; deadline: number },
): Promise<boolean> {
  try {
    await createDatabase(admin, name, template)
    return true
  } catch (error) {
    const isInUse = error instanceof Error && 'code' in error && error.code === templateInUse
    if (!isInUse || performance.now() > deadline) throw error
    return false
  }
}

async function administer(url: string, work: (admin: Database) => Promise<void>): Promise<void> {
  const admin = connectAsOwner(url, 1)
  try {
    await work(admin)
  } finally {
    await admin.end()
  }
}

function connectAsOwner(url: string, max: number): Database {
  return connectDatabase(testDatabaseConfig(url), {
    role: null,
    pool: 'session',
    max,
    applicationName: 'latchkey-test',
  })
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.href
}
