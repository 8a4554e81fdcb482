import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openCluster, reachable } from './postgres-cluster.js'
import { nameOf } from './process-identity.js'
import { launchServer, type ServerProcess } from './server-process.js'

export interface PostgresOptions {
  /** A folder of its own, made when missing (0700): the cluster, the superuser's password, the log. */
  dataDir: string
  port: number
  /** Told what takes long, in a few words. */
  log?: (line: string) => void
  /** `name: value` of postgresql.conf. */
  settings?: Readonly<Record<string, string>>
  /** Whether it has to be a PostgreSQL that has its pg_dump beside it. */
  hasPrograms?: boolean
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
  /** SIGKILL to all of its processes at once. */
  kill: () => Promise<void>
  start: () => Promise<void>
}

/**
 * A PostgreSQL of our own on 127.0.0.1. Loopback is open to every account of the machine, so it asks for a password (SCRAM), random
 * for each data folder and readable by its owner alone. There is no unix socket: its path has a length limit that deep folders break.
 */
export async function startPostgres({
  dataDir,
  port,
  log,
  settings = {},
  hasPrograms = false,
}: PostgresOptions): Promise<PostgresServer> {
  const isDurable = settings['fsync'] !== 'off'
  const cluster = await openCluster({ dataDir, isDurable, hasPrograms, ...(log && { log }) })
  const { folder, account, binaries, password } = cluster

  const launch = (): Promise<ServerProcess> => {
    removeStalePidFile(folder)
    return launchServer({
      name: 'PostgreSQL',
      command: binaries.postgres,
      args: ['-D', reachable(cluster), '-p', String(port), ...settingArgs(settings)],
      cwd: folder,
      account,
      dataDir,
      stopSignal: 'SIGINT', // "fast": ends the sessions, then shuts down cleanly; SIGTERM would wait for every client
      isReady: (pid) => {
        const lines = readPidFile(folder)
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

function settingArgs(settings: Readonly<Record<string, string>>): string[] {
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings }
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** postmaster.pid: line 1 is the process, line 8 its state. */
function readPidFile(folder: string): string[] {
  const file = join(folder, 'postmaster.pid')
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
}

/** After a crash the pid in the file may belong to something else by now (a container counts from 1 again); PostgreSQL would not dare to start. */
function removeStalePidFile(folder: string): void {
  const pid = Number(readPidFile(folder)[0])
  if (pid > 0 && !['', 'postgres'].includes(nameOf(pid))) rmSync(join(folder, 'postmaster.pid'))
}
