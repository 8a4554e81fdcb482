import { performance } from 'node:perf_hooks'
import postgres from 'postgres'
import { connectDatabase } from './client.js'
import type { TlsMode } from './database-url.js'
import {
  MigrationError,
  migrationsFolder,
  readMigrationFiles,
  type MigrationFile,
} from './migration-files.js'
import {
  createMigrationHistory,
  findAppliedMigrations,
  findPendingMigrations,
  insertAppliedMigration,
} from './migration-history.js'
import { assertRightToMigrate } from './migration-rights.js'
import type { Sql } from './sql.js'

export { MigrationError } from './migration-files.js'

export type MigrationProgress =
  | { readonly type: 'waiting' }
  | { readonly type: 'applied'; readonly name: string; readonly durationMs: number }

export interface MigrateOptions {
  readonly onProgress?: (progress: MigrationProgress) => void
  /** Wins over the URL's sslmode. */
  readonly tlsMode?: TlsMode | null
  /** How long another migration of this database may take before ours gives up. */
  readonly lockTimeoutMs?: number
  /** Where the files are; those of Latchkey unless a test has others. */
  readonly folder?: string
}

export interface MigrationStatus {
  readonly name: string
  /** Null when it is still to apply. */
  readonly appliedAt: Date | null
}

// Any number will do that nothing else in this database locks; this is "latchkey" in ASCII.
const migrationLock = 0x6c617463686b6579n

// A migration that waits for a table makes every statement after it wait as well, so it does not wait long.
const tableLockTimeoutMs = 5000

/**
 * Brings the database up to date: every file in a transaction of its own, in order, under a lock that two starters share.
 * Throws `MigrationError` when the files and the database don't go together, or one of them fails; then the failed one has
 * left nothing behind. The URL must lead to PostgreSQL itself, as a user who owns the database.
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const files = await readMigrationFiles(options.folder ?? migrationsFolder)
  return inSession(url, options, async (sql) => {
    await lock(sql, options)
    const pending = findPendingMigrations(files, await findAppliedMigrations(sql))
    if (pending.length === 0) return { applied: [] }
    await assertRightToMigrate(sql)
    await createMigrationHistory(sql)
    for (const file of pending) {
      const startedMs = performance.now()
      await apply(sql, file)
      options.onProgress?.({ type: 'applied', name: file.name, durationMs: performance.now() - startedMs })
    }
    return { applied: pending.map(({ name }) => name) }
  })
}

/** Every migration, in order. Throws `MigrationError` where `migrate` would refuse. Changes nothing and waits for nobody. */
export async function readMigrationStatus(
  url: string,
  options: MigrateOptions = {},
): Promise<MigrationStatus[]> {
  const files = await readMigrationFiles(options.folder ?? migrationsFolder)
  return inSession(url, options, async (sql) => {
    const applied = await findAppliedMigrations(sql)
    const pending = findPendingMigrations(files, applied)
    return [...applied, ...pending.map(({ name }) => ({ name, appliedAt: null }))].map(
      ({ name, appliedAt }) => ({
        name,
        appliedAt,
      }),
    )
  })
}

async function inSession<T>(
  url: string,
  { tlsMode }: MigrateOptions,
  work: (sql: Sql) => Promise<T>,
): Promise<T> {
  const database = connectDatabase(
    {
      databaseUrl: url,
      databaseUrlTransaction: url,
      dbSsl: tlsMode ?? null,
      dbPoolMax: 1,
      dbIdleTimeoutMs: 1000,
      dbConnTimeoutMs: 10_000,
      dbStatementTimeoutMs: 0,
    },
    { role: null, pool: 'session', applicationName: 'latchkey-migrate' },
  )
  try {
    return await database.session(work)
  } finally {
    await database.end()
  }
}

/** Held by the session, so that it outlives the transactions of the files and ends with the connection, however that ends. */
async function lock(sql: Sql, { onProgress, lockTimeoutMs = 120_000 }: MigrateOptions): Promise<void> {
  const [attempt] = await sql<[{ isOurs: boolean }]>`SELECT pg_try_advisory_lock(${migrationLock}) AS is_ours`
  if (attempt.isOurs) return
  onProgress?.({ type: 'waiting' })
  await sql`SELECT set_config('lock_timeout', ${String(lockTimeoutMs)}, false)`
  try {
    await sql`SELECT pg_advisory_lock(${migrationLock})`
  } catch (error) {
    if (!(error instanceof postgres.PostgresError) || error.code !== '55P03') throw error
    throw new MigrationError(
      `another migration of this database has not finished within ${lockTimeoutMs / 1000} s; try again when it has`,
    )
  }
}

async function apply(sql: Sql, file: MigrationFile): Promise<void> {
  try {
    await sql.begin(async (transaction) => {
      await transaction`SELECT
        set_config('search_path', 'public', true),
        set_config('statement_timeout', '0', true),
        set_config('lock_timeout', ${String(tableLockTimeoutMs)}, true)`
      await insertAppliedMigration(transaction, file)
      await transaction.unsafe(file.sql)
    })
  } catch (error) {
    if (!(error instanceof postgres.PostgresError)) throw error
    throw new MigrationError(`${describePlace(file, error)}: ${error.message}; nothing of it was applied`, {
      cause: error,
    })
  }
}

function describePlace({ name, sql }: MigrationFile, { position }: postgres.PostgresError): string {
  if (position === undefined) return `${name}.sql`
  return `${name}.sql, line ${sql.slice(0, Number(position)).split('\n').length}`
}
