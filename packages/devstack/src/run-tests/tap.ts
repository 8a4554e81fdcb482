import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { settings } from '@latchkey/platform/config/settings'
import { dyingWithParent } from '../servers/dying-with-parent.js'
import type { CaughtSignals } from '../signals.js'
import { StartError } from '../start-error.js'

/** Plugins that .taprc takes out: tsx reads TypeScript here, and a hook into every import for mocks that nobody makes costs a tenth of a run. */
const unwantedPlugins = ['@tapjs/typescript', '@tapjs/mock']

/**
 * tap compiles its own test class from its plugins. The one that npm installs has all of them in it, and a run that has to compile
 * first fails; hence once, before the first run.
 */
export function buildTap(root: string): void {
  const built = join(root, 'node_modules/@tapjs/test/test-built/dist/esm/index.js')
  const source = readFileSync(built, 'utf8')
  if (!unwantedPlugins.some((plugin) => source.includes(`"${plugin}"`))) return
  const { status, stdout, stderr } = spawnSync(process.execPath, [tapIn(root), 'build'], {
    cwd: root,
    encoding: 'utf8',
  })
  if (status !== 0) throw new StartError(`tap could not be built: ${stdout}${stderr}`)
}

function tapIn(root: string): string {
  return join(root, 'node_modules/tap/dist/esm/run.mjs')
}

const graceMs = 3000

/** tap's reporters draw over their own lines; where those stay, in a file or a log, each file's result and the failures are enough. */
const withoutTerminal = { args: ['--reporter=base', '--test-env=CI'], env: { CI: 'true' } }

/** Runs tap to its end, and returns its exit code. A signal reaches it and its test files; a second one ends them at once. */
export async function runTap(
  root: string,
  { args, env, signals }: { args: readonly string[]; env: Record<string, string>; signals: CaughtSignals },
): Promise<number> {
  const plain = process.stdout.isTTY ? { args: [], env: {} } : withoutTerminal
  const [command = '', ...rest] = [
    ...dyingWithParent('SIGTERM'),
    process.execPath,
    tapIn(root),
    'run',
    ...plain.args,
    ...args,
  ]
  // In a process group of its own: Ctrl-C would otherwise reach it twice, and the second ends it before it has ended its test files.
  const child = spawn(command, rest, {
    cwd: root,
    detached: true,
    env: { ...withoutSettings(process.env), ...plain.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`tap could not be started with ${command}`)
  // Asked to stop, tap would wait for the test files, and they for nothing: they get a moment to stop what they have started.
  signals.stop.addEventListener('abort', () => {
    signalGroup(pid, 'SIGTERM')
    setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMs).unref()
  })
  signals.force.addEventListener('abort', () => signalGroup(pid, 'SIGKILL'))
  await once(child, 'exit')
  signalGroup(pid, 'SIGKILL') // what a test file that was killed at its timeout has started
  return child.exitCode ?? 1
}

/** The tests configure what they start: what the person at the terminal has exported for an instance of theirs is no part of it. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = Object.values(settings).flatMap((setting) => {
    const all = 'preferredEnv' in setting ? [setting.env, setting.preferredEnv] : [setting.env]
    return all.flatMap((name) => [name, `${name}_FILE`])
  })
  const unwanted = new Set(names)
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !unwanted.has(name) && !name.startsWith('PG')),
  )
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // nobody is left of it
  }
}
