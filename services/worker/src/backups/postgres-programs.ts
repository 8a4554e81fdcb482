import { constants } from 'node:fs'
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { BackupProblem } from './backup-problem.js'
import { runProgram } from './run-program.js'

export interface PostgresPrograms {
  readonly dump: string
  readonly restore: string
  readonly major: number
}

/** Long enough for a disk that sleeps. */
const versionTimeoutMs = 10_000

/**
 * `pg_dump` and `pg_restore` for a server of this major version. An older pg_dump refuses it; a newer pg_restore says things that the
 * server may not know, so the server's own version comes first. Throws `BackupProblem` with what to install.
 */
export async function findPostgresPrograms(
  serverMajor: number,
  folder: string | null,
): Promise<PostgresPrograms> {
  const found: PostgresPrograms[] = []
  for (const place of folder === null ? await usualFolders() : [folder]) {
    const programs = await inspect(place)
    if (programs?.major === serverMajor) return programs
    if (programs !== null) found.push(programs)
  }
  const [newer] = found
    .filter(({ major }) => major > serverMajor)
    .toSorted((one, other) => one.major - other.major)
  if (newer !== undefined) return newer
  const others = [...new Set(found.map(({ major }) => major))].join(', ')
  throw new BackupProblem(
    `pg_dump and pg_restore of PostgreSQL ${serverMajor} or later are missing${others === '' ? '' : ` (found ${others})`}: ` +
      `install postgresql-client-${serverMajor}, or set BACKUP_PROGRAMS to their folder`,
  )
}

async function inspect(folder: string): Promise<PostgresPrograms | null> {
  const [dump, restore] = [join(folder, 'pg_dump'), join(folder, 'pg_restore')]
  if (!(await isExecutable(dump)) || !(await isExecutable(restore))) return null
  const program = runProgram({
    path: dump,
    args: ['--version'],
    env: { LC_ALL: 'C' },
    signal: AbortSignal.timeout(versionTimeoutMs),
  })
  const said = await text(program.stdout).catch(() => '')
  const works = await program.ended.then(
    () => true,
    () => false,
  )
  const [, major] = /\(PostgreSQL\) (\d+)/.exec(said) ?? []
  return works && major !== undefined ? { dump, restore, major: Number(major) } : null
}

/** Where packages put them, each major version beside the others. Not the PATH: what we run is not for whoever sets that to decide. */
async function usualFolders(): Promise<string[]> {
  const debian = (await subfolders('/usr/lib/postgresql')).map((name) => `/usr/lib/postgresql/${name}/bin`)
  const fedora = (await subfolders('/usr'))
    .filter((name) => /^pgsql-\d/.test(name))
    .map((name) => `/usr/${name}/bin`)
  const homebrew: string[] = []
  for (const opt of ['/opt/homebrew/opt', '/usr/local/opt']) {
    const names = (await subfolders(opt)).filter((name) => /^(?:postgresql|libpq)/.test(name))
    homebrew.push(...names.map((name) => join(opt, name, 'bin')))
  }
  return [...debian, ...fedora, ...homebrew, '/usr/local/bin', '/usr/bin', '/opt/homebrew/bin']
}

async function subfolders(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}
