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
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.js'
import { nameOf } from './process-identity.js'
import { launchServer, type ServerProcess } from './server-process.js'
import { findUnprivilegedAccount, type Account } from './unprivileged-account.js'

export interface PostgresOptions {
  /** A folder of its own, made when missing (0700): the cluster, the superuser's password, the log. */
  dataDir: string
  port: number
  /** Told what takes long, in a few words. */
  log?: (line: string) => void
  /** `name: value` of postgresql.conf. */
  settings?: Readonly<Record<string, string>>
}

export interface PostgresServer {
  /** Superuser, database `postgres`. Holds the password. */
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly version: string
  /** Resolves when the process that runs now has ended, to how. */
  readonly ended: Promise<string>
  stop: () => Promise<void>
  kill: () => Promise<void>
  start: () => Promise<void>
}

/**
 * A PostgreSQL of our own on 127.0.0.1. Loopback is open to every account of the machine, so it asks for a password (SCRAM), random
 * for each data folder and readable by its owner alone. There is no unix socket: its path has a length limit that deep folders break.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { dataDir, port, settings = {} } = options
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const cluster = join(dataDir, 'cluster')
  const account = findUnprivilegedAccount(cluster)
  const binaries = findPostgresBinaries(readMajor(cluster), account)
  const password = existsSync(cluster)
    ? readPassword(dataDir)
    : await createCluster({ ...options, cluster, binaries, account })

  const launch = (): Promise<ServerProcess> => {
    removeStalePidFile(cluster)
    return launchServer({
      name: 'PostgreSQL',
      command: binaries.postgres,
      args: ['-D', reachable(cluster, account), '-p', String(port), ...settingArgs(settings)],
      cwd: cluster,
      account,
      dataDir,
      stopSignal: 'SIGINT', // "fast": ends the sessions, then shuts down cleanly; SIGTERM would wait for every client
      isReady: (pid) => {
        const lines = readPidFile(cluster)
        return lines[0] === String(pid) && lines[7]?.trim() === 'ready'
      },
    })
  }

  let server = await launch()
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    port,
    version: binaries.version,
    get pid() {
      return server.pid
    },
    get ended() {
      return server.ended
    },
    stop: () => server.stop(),
    kill: () => server.kill(),
    async start() {
      server = await launch()
    },
  }
}

/** Made beside its final name, so that an interrupted initdb is never taken for a cluster. */
async function createCluster({
  dataDir,
  cluster,
  binaries,
  account,
  settings,
  log,
}: PostgresOptions & {
  cluster: string
  binaries: PostgresBinaries
  account: Account | null
}): Promise<string> {
  log?.(`creating a database cluster with PostgreSQL ${binaries.version}`)
  const unfinished = `${cluster}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { mode: 0o700 })
  if (account !== null) chownSync(unfinished, account.uid, account.gid)
  const password = randomBytes(24).toString('base64url')
  writeFileSync(join(dataDir, 'password'), password, { mode: 0o600 })
  const passwordInput = openNameless(join(dataDir, 'password.input'), password, account)

  const initdb = spawn(
    binaries.initdb,
    [
      '-D',
      reachable(unfinished, account),
      '--username=postgres',
      '--auth=scram-sha-256',
      '--pwfile=/dev/stdin',
      '--encoding=UTF8',
      '--no-instructions',
      ...localeOf(binaries),
      ...(settings?.fsync === 'off' ? ['--no-sync'] : []),
    ],
    {
      cwd: unfinished,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
      stdio: [passwordInput, 'ignore', 'pipe'],
      ...account,
    },
  )
  closeSync(passwordInput)
  const said = initdb.stderr === null ? '' : await text(initdb.stderr)
  if (initdb.exitCode === null) await once(initdb, 'exit')
  if (initdb.exitCode !== 0)
    throw new StartError(
      `PostgreSQL could not create its data folder ${dataDir}: ${said.trim().split('\n').join(' · ')}`,
    )
  renameSync(unfinished, cluster)
  return password
}

/** A file that only the account can read, and that has no name any more: what is written on a command line, everybody can read. */
function openNameless(path: string, content: string, account: Account | null): number {
  writeFileSync(path, content, { mode: 0o600 })
  if (account !== null) chownSync(path, account.uid, account.gid)
  const file = openSync(path, 'r')
  rmSync(path)
  return file
}

/**
 * The account cannot walk through a folder that is closed to it, such as root's home. It need not: it starts inside, and this link leads
 * to where it is.
 */
function reachable(folder: string, account: Account | null): string {
  return account === null ? folder : '/proc/self/cwd'
}

function settingArgs(settings: Readonly<Record<string, string>>): string[] {
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings }
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** Letters beyond ASCII need a locale for upper and lower case; since PostgreSQL 17 it brings one that is alike on every machine. */
function localeOf({ major }: PostgresBinaries): string[] {
  if (major >= 17) return ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
  return [process.platform === 'linux' ? '--locale=C.UTF-8' : '--locale=en_US.UTF-8']
}

function readMajor(cluster: string): number | null {
  return existsSync(cluster) ? Number(readFileSync(join(cluster, 'PG_VERSION'), 'utf8')) : null
}

function readPassword(dataDir: string): string {
  const file = join(dataDir, 'password')
  if (existsSync(file)) return readFileSync(file, 'utf8')
  throw new StartError(
    `${file} is missing, and with it the way into the data: put it back, or start with empty data: npm start -- --fresh`,
  )
}

/** postmaster.pid: line 1 is the process, line 8 its state. */
function readPidFile(cluster: string): string[] {
  const file = join(cluster, 'postmaster.pid')
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
}

/** After a crash the pid in the file may belong to something else by now (a container counts from 1 again); PostgreSQL would not dare to start. */
function removeStalePidFile(cluster: string): void {
  const pid = Number(readPidFile(cluster)[0])
  if (pid > 0 && !['', 'postgres'].includes(nameOf(pid))) rmSync(join(cluster, 'postmaster.pid'))
}
