import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { plainNode } from '@latchkey/devstack/testing/plain-node'
import { waitFor } from '@latchkey/devstack/wait-for'
import { workerEnv } from './worker-env.js'

const workspace = fileURLToPath(new URL('../../', import.meta.url))

export interface EndedProcess {
  /** Null after a signal. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface WorkerProcess {
  /** Where it listens. */
  readonly url: string
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>
  /** SIGTERM, and waits for the end. */
  stop(): Promise<EndedProcess>
  output(): string
}

/** A real process of the worker on a port of its own. Killed, if it still runs, when the test ends. */
export async function startWorkerProcess(
  t: Test,
  env: Readonly<Record<string, string>>,
): Promise<WorkerProcess> {
  const running = startProgram(t, 'dist/main.js', env)
  let url = ''
  running.onLine((line) => (url ||= workingAddress(line)))
  await waitFor(() => url !== '' || running.hasEnded(), { what: 'the worker to work', deadlineMs: 20_000 })
  if (running.hasEnded()) throw new Error(`The worker ended: ${running.output()}`)
  return {
    url,
    output: running.output,
    async kill() {
      running.signal('SIGKILL')
      await running.ended
    },
    async stop() {
      running.signal('SIGTERM')
      return running.ended
    },
  }
}

/** A program of this workspace that ends by itself. */
export async function runProgram(
  t: Test,
  file: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<EndedProcess> {
  return startProgram(t, file, env, args).ended
}

/** The same, to be watched and to be sent signals. */
export function startProgram(
  t: Test,
  file: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
) {
  const [command, ...nodeArgs] = plainNode
  const child = spawn(command, [...nodeArgs, file, ...args], {
    cwd: workspace,
    env: { PATH: process.env['PATH'], ...workerEnv(env) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const texts = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text))
  const ended = once(child, 'close').then(([code]: unknown[]): EndedProcess => ({
    code: typeof code === 'number' ? code : null,
    ...texts,
  }))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return {
    ended,
    hasEnded: (): boolean => child.exitCode !== null || child.signalCode !== null,
    output: (): string => texts.stdout + texts.stderr,
    signal: (name: NodeJS.Signals): boolean => child.kill(name),
    onLine: (listener: (line: string) => void) => void createInterface(child.stdout).on('line', listener),
  }
}

function workingAddress(line: string): string {
  if (!line.includes('"msg":"working"')) return ''
  const fields: unknown = JSON.parse(line)
  const address = typeof fields === 'object' && fields !== null && 'address' in fields ? fields.address : ''
  return typeof address === 'string' ? address : ''
}
