import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { dyingWithParent } from '@latchkey/devstack/servers/dying-with-parent'
import { findDescendants } from '@latchkey/devstack/servers/process-identity'
import type { TestScope } from '@latchkey/devstack/testing/private-servers'
import { waitFor } from '@latchkey/devstack/wait-for'

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

const program = fileURLToPath(import.meta.resolve('@latchkey/devstack/start'))
const deadlineMs = 60_000

/** `npm start` in `folder` on ports of its own. */
export function runStart(
  t: TestScope,
  folder: string,
  { args = [], env = {} }: { args?: string[]; env?: Record<string, string> } = {},
): RunningStart {
  const [command = '', ...rest] = [...dyingWithParent('SIGTERM'), process.execPath, program, ...args]
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
