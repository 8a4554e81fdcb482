import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartError } from '../start-error.js'
import { waitFor } from '../wait-for.js'
import { forgetProcess, killFamily, rememberProcess, stopForgotten } from './process-memory.js'
import { dyingWithParent } from './dying-with-parent.js'
import type { Account } from './unprivileged-account.js'

export interface ServerDefinition {
  /** For messages: "PostgreSQL". */
  name: string
  command: string
  args: readonly string[]
  /** The folder that the server works in, and that `account` owns. */
  cwd: string
  account: Account | null
  /** What the server reads from standard input, where no other user can see it. */
  input?: string
  /** Where the log is, and where the running process is remembered: the next start finds one that outlived its parent. */
  dataDir: string
  /** What makes the server stop in good order, and what `command` gets when this process dies first. */
  stopSignal: 'SIGINT' | 'SIGTERM'
  isReady: (pid: number) => boolean | Promise<boolean>
}

export interface ServerProcess {
  readonly pid: number
  /** Resolves when the process has ended, to how: "exit code 1", "signal SIGKILL". */
  readonly ended: Promise<string>
  stop: () => Promise<void>
  /** SIGKILL to the process and all its descendants at once, as a power cut would end them. */
  kill: () => Promise<void>
}

/** The server ended before it was ready. `log` is what it said. */
export class ServerDied extends StartError {
  readonly log: string

  constructor(name: string, how: string, logFile: string) {
    const log = existsSync(logFile) ? readFileSync(logFile, 'utf8') : ''
    const lastWords = log.trim().split('\n').slice(-3).join(' · ')
    super(`${name} did not start (${how}): ${lastWords || 'it said nothing'} — its log is ${logFile}`)
    this.log = log
  }
}

const readyDeadlineMs = 60_000 // crash recovery of a large write-ahead log takes its time
const stopDeadlineMs = 20_000

/** Starts the server, after stopping one that outlived an earlier parent, and returns when it is ready. */
export async function launchServer(definition: ServerDefinition): Promise<ServerProcess> {
  const { name, command, args, cwd, account, input, dataDir, stopSignal } = definition
  const logFile = join(dataDir, 'server.log')
  await stopForgotten(dataDir, stopSignal)

  const log = openSync(logFile, 'w', 0o600)
  const [program, ...programArgs] = [...dyingWithParent(stopSignal), command, ...args]
  // A process group of its own: Ctrl-C in the terminal must reach only us, who stop everything in order.
  const child = spawn(program ?? command, programArgs, {
    cwd,
    detached: true,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    stdio: [input === undefined ? 'ignore' : 'pipe', log, log],
    ...account,
  })
  closeSync(log)
  child.stdin?.on('error', () => undefined) // it died before reading; `ended` tells
  child.stdin?.end(input)

  const ended = describeEnd(child)
  const { pid } = child
  if (pid === undefined) throw new ServerDied(name, await ended, logFile)
  rememberProcess(dataDir, pid)

  let death: string | null = null
  void ended.then((how) => (death = how))
  // Once it has ended, its pid may belong to another process.
  const kill = async (): Promise<void> => {
    if (death === null) await killFamily(pid)
    await ended
    forgetProcess(dataDir)
  }
  const stop = async (): Promise<void> => {
    child.kill(stopSignal)
    const timer = setTimeout(() => void kill(), stopDeadlineMs)
    await ended
    clearTimeout(timer)
    forgetProcess(dataDir)
  }

  try {
    await waitFor(() => death !== null || definition.isReady(pid), {
      what: `${name} to be ready`,
      deadlineMs: readyDeadlineMs,
      everyMs: 10,
    })
  } catch (error) {
    await kill()
    throw error
  }
  if (death !== null) throw new ServerDied(name, death, logFile)
  return { pid, ended, stop, kill }
}

async function describeEnd(child: ChildProcess): Promise<string> {
  try {
    await once(child, 'exit')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return child.signalCode === null ? `exit code ${child.exitCode}` : `signal ${child.signalCode}`
}
