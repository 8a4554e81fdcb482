import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { StartError } from '../start-error.js'
import { dyingWithParent } from './dying-with-parent.js'
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.js'
import { findUnprivilegedAccount, type Account } from './unprivileged-account.js'

/** The files of one PostgreSQL, and who and what may open them. */
export interface Cluster {
  folder: string
  binaries: PostgresBinaries
  account: Account | null
  /** The superuser's. */
  password: string
}

export interface ClusterOptions {
  dataDir: string
  /** Whether files reach the disk before it is said that they exist. */
  isDurable: boolean
  /** Whether it has to be a PostgreSQL that has its pg_dump beside it. */
  hasPrograms?: boolean
  log?: (line: string) => void
}

/** The cluster in `dataDir`, created when there is none. */
export async function openCluster({
  dataDir,
  isDurable,
  hasPrograms = false,
  log,
}: ClusterOptions): Promise<Cluster> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const folder = join(dataDir, 'cluster')
  const account = findUnprivilegedAccount(folder)
  const passwordFile = join(dataDir, 'password')
  if (existsSync(folder)) {
    const binaries = findPostgresBinaries(readMajor(folder), account)
    return { folder, account, binaries, password: readPassword(passwordFile) }
  }
  const binaries = findPostgresBinaries(null, account, hasPrograms)
  log?.(`creating a database cluster with PostgreSQL ${binaries.version}`)
  const password = randomBytes(24).toString('base64url')
  writeFileSync(passwordFile, password, { mode: 0o600 })

  // Beside its final name, so that an interrupted initdb is never taken for a cluster.
  const unfinished = `${folder}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { mode: 0o700 })
  if (account !== null) chownSync(unfinished, account.uid, account.gid)
  await runInitdb({ folder: unfinished, binaries, account, password }, isDurable)
  renameSync(unfinished, folder)
  return { folder, account, binaries, password }
}

/**
 * How the account calls its folder. It cannot walk through one that is closed to it, such as root's home, and need not: it starts inside,
 * and this link leads to where it is.
 */
export function reachable({ folder, account }: Pick<Cluster, 'folder' | 'account'>): string {
  return account === null ? folder : '/proc/self/cwd'
}

async function runInitdb(
  { folder, binaries, account, password }: Cluster,
  isDurable: boolean,
): Promise<void> {
  const passwordInput = openNameless(`${folder}.password`, password, account)
  const initdb = [
    binaries.initdb,
    '-D',
    reachable({ folder, account }),
    '--username=postgres',
    '--auth=scram-sha-256',
    '--pwfile=/dev/stdin',
    '--encoding=UTF8',
    '--no-instructions',
    ...localeOf(binaries),
    ...(isDurable ? [] : ['--no-sync']),
  ]
  const [command = '', ...args] = [...dyingWithParent('SIGTERM'), ...initdb]
  const child = spawn(command, args, {
    cwd: folder,
    detached: true, // Ctrl-C is for us, who stop when it is done
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    stdio: [passwordInput, 'ignore', 'pipe'],
    ...account,
  })
  closeSync(passwordInput)
  const said = child.stderr === null ? '' : await text(child.stderr)
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  if (child.exitCode === 0) return
  throw new StartError(`PostgreSQL could not create ${folder}: ${said.trim().split('\n').join(' · ')}`)
}

/** A file that only the account can read, and that has no name any more: what is written on a command line, everybody can read. */
function openNameless(path: string, content: string, account: Account | null): number {
  writeFileSync(path, content, { mode: 0o600 })
  if (account !== null) chownSync(path, account.uid, account.gid)
  const file = openSync(path, 'r')
  rmSync(path)
  return file
}

/** Letters beyond ASCII need a locale for upper and lower case; since PostgreSQL 17 it brings one that is alike on every machine. */
function localeOf({ major }: PostgresBinaries): string[] {
  if (major >= 17) return ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
  return [process.platform === 'linux' ? '--locale=C.UTF-8' : '--locale=en_US.UTF-8']
}

function readMajor(folder: string): number {
  return Number(readFileSync(join(folder, 'PG_VERSION'), 'utf8'))
}

function readPassword(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8')
  throw new StartError(
    `${file} is missing, and with it the way into the data: put it back, or start with empty data: npm start -- --fresh`,
  )
}
