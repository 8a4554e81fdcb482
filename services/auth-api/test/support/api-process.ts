import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { plainNode } from '@latchkey/devstack/testing/plain-node'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import { sharedRedisUrl, testEnv } from './test-env.js'

const workspace = fileURLToPath(new URL('../../', import.meta.url))
const startDeadlineMs = 20_000

interface TestScope {
  readonly name: string
  teardown: (release: () => Promise<void>) => void
}

export interface ApiProcess {
  /** Where it listens; empty while it does not. */
  readonly url: string
  readonly pid: number
  /** What it has written so far, standard error included. */
  output(): string
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>
  /** SIGTERM, and waits for the end. */
  stop(): Promise<number | null>
  /** The exit code; null after a signal. */
  readonly ended: Promise<number | null>
}

export interface StartOptions {
  /** `ready` waits for /health/ready, `listening` for the port, `nothing` for neither. */
  until?: 'ready' | 'listening' | 'nothing'
}

/** A real process of the api, as it was built, on a port of its own. Killed, if it still runs, when the test ends. */
export async function startApiProcess(
  t: TestScope,
  env: Readonly<Record<string, string | undefined>>,
  { until = 'ready' }: StartOptions = {},
): Promise<ApiProcess> {
  const [command, ...args] = plainNode
  const child = spawn(command, [...args, 'dist/server.js'], {
    cwd: workspace,
    env: {
      PATH: process.env['PATH'],
      ...testEnv({
        REDIS_URL: sharedRedisUrl(),
        REDIS_KEY_PREFIX: redisPrefix(t),
        LOG_LEVEL: 'info',
        ...env,
      }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error('The api could not be started')
  const ended = once(child, 'exit').then(([code]: unknown[]) => (typeof code === 'number' ? code : null))
  const lines: string[] = []
  let url = ''
  createInterface(child.stderr).on('line', (line) => lines.push(line))
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    url ||= listeningAddress(line)
  })
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  t.teardown(kill)

  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null
  await waitFor(
    async () => {
      if (until === 'nothing' || hasEnded()) return true
      if (url === '') return false
      return until === 'listening' || (await fetch(`${url}/health/ready`)).ok
    },
    { what: `the api to be ${until}`, deadlineMs: startDeadlineMs },
  )
  if (until !== 'nothing' && hasEnded()) throw new Error(`The api ended: ${lines.join('\n')}`)

  return {
    get url() {
      return url
    },
    pid,
    output: () => lines.join('\n'),
    kill,
    async stop() {
      child.kill('SIGTERM')
      return ended
    },
    ended,
  }
}

function listeningAddress(line: string): string {
  return /listening on (http:[^"]+)"/.exec(line)?.[1] ?? ''
}
