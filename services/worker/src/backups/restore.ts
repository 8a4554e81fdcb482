import { createRoles } from '@latchkey/platform/database/create-roles'
import type { TlsMode } from '@latchkey/platform/database/database-url'
import { readMigrationStatus } from '@latchkey/platform/database/migrate'
import type { Database } from '@latchkey/platform/database/client'
import { insertOutboxEvents } from '@latchkey/platform/security-events/outbox'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import { BackupProblem } from './backup-problem.js'
import { readBackup, verifyBackup } from './backup-reader.js'
import { connectionEnvironment, databaseArgument } from './connection-environment.js'
import { findPostgresPrograms } from './postgres-programs.js'
import {
  analyzeDatabase,
  endRestoredSessions,
  eraseAgain,
  findServerMajor,
  listUserObjects,
} from './queries.js'
import { feed, runProgram } from './run-program.js'

export interface RestoreDeps {
  readonly sql: Database
  readonly config: {
    readonly databaseUrl: string
    readonly dbSsl: TlsMode | null
    readonly backupEncryptionKey: string | null
    readonly backupPrograms: string | null
  }
}

export interface RestoreOptions {
  /** Who has been erased since the backup, and is erased again. */
  readonly erasedIds: readonly string[]
  readonly endsSessions: boolean
  readonly signal: AbortSignal
  readonly onProgress: (step: 'checked' | 'restored', share: number) => void
}

export interface Restored {
  readonly erasedAgain: number
  readonly endedSessions: number
  /** Migrations that this version has and the backup has not. */
  readonly pendingMigrations: number
  readonly hasChecksum: boolean
}

/**
 * Puts a backup into an empty database, as the user who owns that. The file is proven as a whole before anything of it is believed,
 * and then restored in one transaction: a restore that fails leaves the database empty.
 * @throws BackupProblem, MigrationError.
 */
export async function restore(
  { sql, config }: RestoreDeps,
  file: string,
  { erasedIds, endsSessions, signal, onProgress }: RestoreOptions,
): Promise<Restored> {
  await assertEmpty(sql)
  const reading = { encryptionKey: config.backupEncryptionKey, signal }
  const { hasChecksum } = await verifyBackup(file, {
    ...reading,
    onProgress: (share) => onProgress('checked', share),
  })
  const programs = await findPostgresPrograms(await findServerMajor(sql), config.backupPrograms)
  await createRoles(sql)

  const { env, database } = connectionEnvironment(config.databaseUrl, config.dbSsl, programs.major)
  const program = runProgram({
    path: programs.restore,
    args: ['--single-transaction', '--exit-on-error', '--no-password', databaseArgument(database)],
    env,
    signal,
  })
  await feed(program, readBackup(file, { ...reading, onProgress: (share) => onProgress('restored', share) }))

  const outcome = await sql.begin(async (transaction) => {
    let erasedAgain = 0
    for (const id of erasedIds) if (await eraseAgain(transaction, id)) erasedAgain += 1
    const endedSessions = endsSessions ? await endRestoredSessions(transaction) : 0
    const data = { erasedAgain, endedSessions }
    await insertOutboxEvents(transaction, [newSecurityEvent('backup.restored', { data })])
    return data
  })
  await analyzeDatabase(sql)
  const migrations = await readMigrationStatus(config.databaseUrl, { tlsMode: config.dbSsl })
  const pendingMigrations = migrations.filter(({ appliedAt }) => appliedAt === null).length
  return { ...outcome, pendingMigrations, hasChecksum }
}

/** Two databases in one are none: what is there already would mix with what comes, or stop it half way. */
async function assertEmpty(sql: Database): Promise<void> {
  const objects = await listUserObjects(sql)
  if (objects.length === 0) return
  const names = objects.map(({ name }) => name).join(', ')
  throw new BackupProblem(
    `the database is not empty (${names}, …): restore into a new one, and keep the old one until that is good`,
  )
}
