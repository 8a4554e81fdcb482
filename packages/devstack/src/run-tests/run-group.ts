import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { basename, delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dyingWithParent } from '../servers/dying-with-parent.js'
import type { CaughtSignals } from '../signals.js'
import type { TestGroup } from './find-test-files.js'
import { countAssertions, type Totals } from './totals.js'

export interface GroupResult extends Totals {
  /** What it wrote, in TAP, and on standard error. */
  readonly output: string
  readonly complaints: string
  /** Why it did not come to its end, if it did not. */
  readonly end: string | null
  readonly seconds: number
}

export interface RunOptions extends CaughtSignals {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly nodeArgs?: readonly string[]
}

const timeoutMs = 120_000
const graceMs = 3000
/** Of each stream; a test file that writes without end is cut off, not kept in memory. */
const mostCharacters = 32 * 1024 * 1024

const severalFiles = fileURLToPath(import.meta.resolve('./several-files.js'))

/**
 * Runs built test files in a process, and a process group, of their own, so that whatever they started ends with them. When `stop` comes
 * they get a moment to end that themselves; when `force` comes, or their time is over, none.
 */
export async function runGroup(
  files: TestGroup,
  { cwd, env, nodeArgs = [], stop, force }: RunOptions,
): Promise<GroupResult> {
  const startedAtMs = performance.now()
  const [first, ...others] = files
  // tap names the folders of its tests by the arguments.
  const program = others.length === 0 ? [first] : [severalFiles, basename(first, '.test.js')]
  const [command = process.execPath, ...args] = [
    ...dyingWithParent('SIGTERM'),
    process.execPath,
    ...nodeArgs,
    ...program,
  ]
  const child = spawn(command, args, {
    cwd,
    env: {
      ...env,
      LATCHKEY_TEST_FILES: files.join(delimiter),
      TAP_TIMEOUT: String(timeoutMs / 1000), // tap's own limit, of 30 s, is the process's as well
    },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, complaints, isLate] = ['', '', false]
  child.stdout.on('data', (chunk) => (output = appended(output, chunk)))
  child.stderr.on('data', (chunk) => (complaints = appended(complaints, chunk)))

  const kill = (): void => signalGroup(child.pid, 'SIGKILL')
  const end = (): void => {
    signalGroup(child.pid, 'SIGTERM')
    setTimeout(kill, graceMs).unref()
  }
  const timer = setTimeout(() => {
    isLate = true
    end()
  }, timeoutMs)
  stop.addEventListener('abort', end)
  force.addEventListener('abort', kill)
  const closed = once(child, 'close')
  await once(child, 'exit')
  kill() // what it has started and left, which would hold the streams open
  await closed
  clearTimeout(timer)
  stop.removeEventListener('abort', end)
  force.removeEventListener('abort', kill)

  const totals = countAssertions(output)
  return {
    ...(totals ?? { passed: 0, failed: 0 }),
    output,
    complaints,
    end: isLate ? `was not done after ${timeoutMs / 1000} s` : endOf(child, totals),
    seconds: (performance.now() - startedAtMs) / 1000,
  }
}

/** tap exits with 1 when an assertion has failed, which is no end out of order. */
function endOf(
  { exitCode, signalCode }: { exitCode: number | null; signalCode: NodeJS.Signals | null },
  totals: Totals | null,
): string | null {
  if (signalCode !== null) return `was ended by ${signalCode}`
  if (totals === null) return `ended with exit code ${exitCode} before its tests did`
  if (exitCode !== 0 && totals.failed === 0) return `ended with exit code ${exitCode}`
  return null
}

function appended(text: string, chunk: unknown): string {
  return text.length < mostCharacters ? text + String(chunk) : text
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // nobody is left of it
  }
}
