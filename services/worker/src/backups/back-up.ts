import { createHash } from 'node:crypto'
import { mkdir, open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { insertOutboxEvents } from '@latchkey/platform/security-events/outbox'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { StoreDeps } from '../deps.js'
import { backupName, partialOf, publishBackup, removeLeftovers, removeOldBackups } from './backup-files.js'
import { BackupProblem } from './backup-problem.js'
import { readBackup } from './backup-reader.js'
import { connectionEnvironment } from './connection-environment.js'
import { findPostgresPrograms, type PostgresPrograms } from './postgres-programs.js'
import { findServerMajor, saveBackupFigures } from './queries.js'
import { feed, runProgram, type RunningProgram } from './run-program.js'
import { seal } from './sealed-stream.js'

export type BackUpDeps = Pick<StoreDeps, 'config' | 'sql'>

export interface BackUpOptions {
  /** The folder; BACKUP_DIR. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly onProgress?: (step: 'written' | 'checked', bytes: number) => void
}

export interface Backup {
  readonly file: string
  readonly bytes: number
  readonly isEncrypted: boolean
  readonly durationMs: number
}

/**
 * Dumps the database as it is at one moment into a new file, reads the file back as a restore would, and only then gives it its name
 * and deletes the ones that are too old. One at a time: the caller holds the lock of `back-up`. What became of it is told as an event.
 * @throws BackupProblem.
 */
export async function backUp(deps: BackUpDeps, options: BackUpOptions): Promise<Backup> {
  try {
    const backup = await writeBackup(deps, options)
    await saveBackupFigures(deps.sql, {
      backup_completed_at: Math.floor(Date.now() / 1000),
      backup_bytes: backup.bytes,
      backup_duration_ms: Math.round(backup.durationMs),
    })
    const { bytes, isEncrypted, durationMs } = backup
    await tell(deps, 'backup.completed', { bytes, isEncrypted, durationMs: Math.round(durationMs) })
    return backup
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    // When PostgreSQL itself is away there is nobody to tell but the log.
    if (!options.signal.aborted) await tell(deps, 'backup.failed', { reason }).catch(() => undefined)
    throw error
  }
}

async function tell(
  { sql }: BackUpDeps,
  type: 'backup.completed' | 'backup.failed',
  data: Record<string, unknown>,
): Promise<void> {
  await insertOutboxEvents(sql, [newSecurityEvent(type, { data })])
}

async function writeBackup({ config, sql }: BackUpDeps, options: BackUpOptions): Promise<Backup> {
  const startedAt = performance.now()
  const { folder, signal, onProgress } = options
  const { backupEncryptionKey: key } = config
  const programs = await findPostgresPrograms(await findServerMajor(sql), config.backupPrograms)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await removeLeftovers(folder)

  const file = join(folder, backupName(new Date(), key !== null))
  const partial = partialOf(file)
  try {
    const dump = startDump(programs, config, signal)
    const { sha256, bytes } = await writeDurably(partial, dump, key, (written) =>
      onProgress?.('written', written),
    )
    await assertRestorable(programs, partial, {
      encryptionKey: key,
      signal,
      onProgress: (share) => onProgress?.('checked', Math.round(share * bytes)),
    })
    await publishBackup(file, sha256)
    await removeOldBackups(folder, config.backupKeep)
    return { file, bytes, isEncrypted: key !== null, durationMs: performance.now() - startedAt }
  } catch (error) {
    await rm(partial, { force: true })
    throw signal.aborted ? new BackupProblem('interrupted', { cause: error }) : error
  }
}

function startDump(
  { dump, major }: PostgresPrograms,
  { backupDatabaseUrl, dbSsl }: BackUpDeps['config'],
  signal: AbortSignal,
): RunningProgram {
  const { env } = connectionEnvironment(backupDatabaseUrl, dbSsl, major)
  const program = runProgram({ path: dump, args: ['--format=custom', '--no-password'], env, signal })
  program.stdin.end()
  return program
}

/** To the disk, and nothing unencrypted on the way where there is a key. */
async function writeDurably(
  file: string,
  dump: RunningProgram,
  key: string | null,
  onBytes: (bytes: number) => void,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  async function* counted(parts: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const part of parts) {
      hash.update(part)
      bytes += part.length
      onBytes(bytes)
      yield part
    }
  }
  const handle = await open(file, 'wx', 0o600)
  try {
    await writeFile(handle, counted(key === null ? dump.stdout : seal(dump.stdout, key)))
    await dump.ended
    await handle.sync()
  } catch (error) {
    dump.kill()
    throw describeDumpFailure(error)
  } finally {
    await handle.close()
  }
  return { sha256: hash.digest('hex'), bytes }
}

function describeDumpFailure(error: unknown): unknown {
  if (!(error instanceof BackupProblem) || !/permission denied/.test(error.message)) return error
  return new BackupProblem(
    `${error.message}; BACKUP_DATABASE_URL must be of a user who may read everything`,
    { cause: error },
  )
}

/** Has pg_restore read all of what stands on the disk, every block of every table, and write it nowhere. */
async function assertRestorable(
  { restore }: PostgresPrograms,
  file: string,
  options: Parameters<typeof readBackup>[1],
): Promise<void> {
  const { signal } = options
  const program = runProgram({ path: restore, args: ['--file=/dev/null'], env: { LC_ALL: 'C' }, signal })
  program.stdout.resume()
  await feed(program, readBackup(file, options))
}
