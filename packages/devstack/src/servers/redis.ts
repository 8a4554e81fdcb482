import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { findRedisBinary } from './redis-binary.js'
import { launchServer, type ServerProcess } from './server-process.js'
import { findUnprivilegedAccount } from './unprivileged-account.js'
import { StartError } from '../start-error.js'

export interface RedisOptions {
  /** A folder of its own, made when missing (0700): the append-only file, the password, the log. */
  dataDir: string
  port: number
  /** Whether what is written survives the process. */
  appendOnly: boolean
  binary?: string
}

export interface RedisServer {
  /** Holds the password. */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Resolves when the process that runs now has ended, to how. */
  readonly ended: Promise<string>
  stop: () => Promise<void>
  kill: () => Promise<void>
  start: () => Promise<void>
}

/**
 * A Redis of our own on 127.0.0.1. It asks for a password even there: any account of the machine, and any page that makes a browser post
 * to loopback, could otherwise write keys or, with CONFIG SET dir, files.
 */
export async function startRedis({ dataDir, port, appendOnly, binary }: RedisOptions): Promise<RedisServer> {
  const command = binary ?? findRedisBinary()
  if (command === null) throw new StartError('redis-server or valkey-server is missing on PATH')
  const data = join(dataDir, 'data')
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const account = findUnprivilegedAccount(data)
  mkdirSync(data, { recursive: true, mode: 0o700 })
  if (account !== null) chownSync(data, account.uid, account.gid)
  const password = readOrMakePassword(join(dataDir, 'password'))

  const launch = (): Promise<ServerProcess> =>
    launchServer({
      name: 'Redis',
      command,
      args: ['-'],
      input: configOf({ port, appendOnly, password }),
      cwd: data,
      account,
      dataDir,
      stopSignal: 'SIGTERM',
      isReady: () => answersPing(port, password),
    })

  let server = await launch()
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    port,
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

/** noeviction: a queue or a revocation that is evicted is lost without a word. Passed on standard input, so that `ps` shows no password. */
function configOf({
  port,
  appendOnly,
  password,
}: {
  port: number
  appendOnly: boolean
  password: string
}): string {
  return [
    'bind 127.0.0.1',
    'protected-mode yes',
    `port ${port}`,
    `requirepass ${password}`,
    'maxmemory-policy noeviction',
    `appendonly ${appendOnly ? 'yes' : 'no'}`,
    'save ""',
    'daemonize no',
    '',
  ].join('\n')
}

function readOrMakePassword(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600 })
  return readFileSync(file, 'utf8')
}

/** Refused while it still loads its append-only file (-LOADING). */
async function answersPing(port: number, password: string): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.setTimeout(1000, () => socket.destroy(new Error('no answer')))
    socket.end(`AUTH ${password}\r\nPING\r\nQUIT\r\n`)
    const answer = (await socket.setEncoding('utf8').toArray()).join('')
    return answer.includes('+PONG')
  } finally {
    socket.destroy()
  }
}
