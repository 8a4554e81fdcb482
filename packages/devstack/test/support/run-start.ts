import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { dyingWithParent } from '../../src/servers/dying-with-parent.js'
import { findDescendants } from '../../src/servers/process-identity.js'
import type { TestScope } from '../../src/testing/private-servers.js'
import { waitFor } from '../../src/wait-for.js'

export interface RunningStart {
  readonly pid: number
  /** Everything written so far, to both streams. */
  output: () => string
  /** Waits for the one line `ready …`, and returns its address. */
  untilReady: () => Promise<string>
  signal: (name: NodeJS.Signals) => void
  /** Resolves to the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
  /** It, and every process that it has started. */
  processes: () => number[]
}

const program = join(import.meta.dirname, '../../src/start.ts')
const preloads = [
  import.meta.resolve('tsx'),
  import.meta.resolve('./whole-source-maps.ts'),
  import.meta.resolve('./children-as-built.ts'),
]
const deadlineMs = 60_000

/** `npm start` in `folder` on ports of its own: its own code from the sources, what it starts as it was built. */
export function runStart(
  t: TestScope,
  folder: string,
  { args = [], env = {} }: { args?: string[]; env?: Record<string, string> } = {},
): RunningStart {
  const nodeArgs = preloads.map((preload) => `--import=${preload}`)
  const own = [process.execPath, ...nodeArgs, program, ...args]
  const [command = '', ...rest] = [...dyingWithParent('SIGTERM'), ...own]
  const child = spawn(command, rest, {
    cwd: folder,
    env: { ...process.env, PORT: '0', WORKER_PORT: '0', LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  let hasEnded = false
  const ended = once(child, 'close').then(() => {
    hasEnded = true
    return child.exitCode ?? child.signalCode
  })
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  const { pid = 0 } = child
  return {
    pid,
    ended,
    output: () => output,
    async untilReady() {
      const wait = { what: 'ready from npm start', deadlineMs }
      await waitFor(() => hasEnded || /^ready /m.test(output), wait).catch((error: unknown) => {
        throw new Error(`npm start is not ready, and has said: ${output}`, { cause: error })
      })
      const [, url] = /^ready (\S+)$/m.exec(output) ?? []
      if (url === undefined) throw new Error(`npm start has ended: ${output}`)
      return url
    },
    signal: (name) => child.kill(name),
    processes: () => [pid, ...findDescendants(pid)],
  }
}
