import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from '@latchkey/devstack/node-flags'
import { dyingWithParent } from '@latchkey/devstack/servers/dying-with-parent'
import { waitFor } from '@latchkey/devstack/wait-for'

export interface ServiceProcess {
  readonly pid: number
  readonly url: string
  stop(): Promise<void>
}

const root = new URL('../../', import.meta.url)

/** Starts a built program of this repository and waits until `path` answers 200. Its log goes nowhere, but it is written. */
export async function startService(
  program: string,
  { env, port, path }: { env: Readonly<Record<string, string>>; port: number; path: string },
): Promise<ServiceProcess> {
  const file = fileURLToPath(new URL(program, root))
  const [command, ...args] = [...dyingWithParent('SIGTERM'), process.execPath, ...nodeFlags, file]
  if (command === undefined) throw new Error('there is no command to run')
  const child = spawn(command, args, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let complaint = ''
  child.stderr.on('data', (part: Buffer) => (complaint += part.toString()))
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const url = `http://127.0.0.1:${port}`
  await waitFor(async () => hasEnded() || (await fetch(url + path)).ok, {
    what: `${program} to answer`,
    deadlineMs: 15_000,
    everyMs: 50,
  })
  if (hasEnded() || child.pid === undefined) throw new Error(`${program} ended: ${complaint}`)
  return {
    pid: child.pid,
    url,
    async stop() {
      if (hasEnded()) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

/** Runs a built program to its end and answers what it printed. */
export async function runProgram(
  program: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<string> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(program, root)), ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part: Buffer) => (printed += part.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${program} ended with ${String(code)}: ${printed}`)
  return printed
}
