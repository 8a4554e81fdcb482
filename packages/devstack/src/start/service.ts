import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from '../node-flags.js'
import { dyingWithParent } from '../servers/dying-with-parent.js'
import { forgetProcess, rememberProcess } from '../servers/process-memory.js'
import { StartError } from '../start-error.js'
import { waitFor } from '../wait-for.js'
import type { Part } from './part.js'

export interface ServiceDefinition {
  name: 'auth-api' | 'worker'
  /** As one would import it. */
  entry: string
  env: NodeJS.ProcessEnv
  /** Where the process is remembered. */
  folder: string
  /** Answers 200 when the service can serve. */
  readyUrl: string
}

export interface Service extends Part {
  /** Waits until the service can serve, or throws with what it said. Falls through when `stop` is aborted. */
  untilReady: (stop: AbortSignal) => Promise<void>
  /** From now on what the service writes reaches the terminal; before, only its warnings have mattered. */
  showOutput: () => void
}

const readyDeadlineMs = 60_000
const stopDeadlineMs = 12_000 // the services give themselves 9 s
const rememberedLines = 200
const warning = /\b(?:WARN|ERROR|FATAL)\b|"level":"(?:warn|error|fatal)"/

/** Starts a service as a process of its own, quiet until it is ready. */
export function startService({ name, entry, env, folder, readyUrl }: ServiceDefinition): Service {
  const program = fileURLToPath(import.meta.resolve(entry))
  const node = [process.execPath, ...nodeFlags, ...process.execArgv, program]
  const [command = '', ...args] = [...dyingWithParent('SIGTERM'), ...node]
  // A process group of its own: Ctrl-C in the terminal must reach only us, who stop everything in order.
  const child = spawn(command, args, { detached: true, env, stdio: ['ignore', 'pipe', 'pipe'] })
  if (child.pid !== undefined) rememberProcess(folder, child.pid)
  const lines: string[] = []
  let write = (line: string): void => {
    lines.push(line)
    if (lines.length > rememberedLines) lines.shift()
  }
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => write(line))
  }

  let death: string | null = null
  const ended = once(child, 'close').then(() => {
    death = child.signalCode === null ? `exit code ${child.exitCode}` : `signal ${child.signalCode}`
    forgetProcess(folder)
    return death
  })

  return {
    name,
    ended,
    async untilReady(stop) {
      await waitFor(() => stop.aborted || death !== null || answersOk(readyUrl), {
        what: `${name} to be ready at ${readyUrl}`,
        deadlineMs: readyDeadlineMs,
        everyMs: 25,
      })
      if (death === null) return
      const said = lines.length > 0 ? `:\n${lines.join('\n')}` : ''
      throw new StartError(`${name} did not start (${death})${said}`, { exitCode: child.exitCode ?? 1 })
    },
    showOutput() {
      write = (line) => console.log(line)
      for (const line of lines) if (warning.test(line)) console.log(line)
    },
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs)
      await ended
      clearTimeout(timer)
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function answersOk(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5000) })
  await answer.arrayBuffer()
  return answer.ok
}
