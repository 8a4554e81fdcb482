import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { BackupProblem } from './backup-problem.js'

/** What a program says is read for its first error; of more nobody reads. */
const keptCharacters = 16_384

export interface Program {
  /** An absolute path: found by us, never by a name from elsewhere. */
  readonly path: string
  readonly args: readonly string[]
  /** All that it gets of the environment; here a password is seen by nobody but ourselves, unlike among the arguments. */
  readonly env: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

export interface RunningProgram {
  readonly stdin: Writable
  readonly stdout: Readable
  /** Rejects with a `BackupProblem` unless it ends well. */
  readonly ended: Promise<void>
  /** Ends it where it stands: a restore of which the rest is missing must not come to its commit. */
  kill(): void
}

/** Starts one of PostgreSQL's own programs, without a shell. */
export function runProgram({ path, args, env, signal }: Program): RunningProgram {
  const child = spawn(path, args, { env, signal, killSignal: 'SIGKILL', stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (said = (said + text).slice(0, keptCharacters)))
  child.stdin.on('error', () => undefined) // it ended before it had read all; `ended` tells why
  const ended = waitForEnd()
  async function waitForEnd(): Promise<void> {
    try {
      await once(child, 'close')
    } catch (error) {
      throw signal.aborted ? new BackupProblem('interrupted', { cause: error }) : error
    }
    if (child.exitCode !== 0) throw new BackupProblem(firstErrorOf(said) ?? `${path} ended early`)
  }
  ended.catch(() => undefined) // whoever waits for it hears of it, also when something else fails first
  return { stdin: child.stdin, stdout: child.stdout, ended, kill: () => void child.kill('SIGKILL') }
}

/** Gives a program all of its input and waits for its end. Throws what is wrong with the bytes rather than what the program says of them. */
export async function feed(program: RunningProgram, bytes: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const part of bytes) await write(program.stdin, part)
  } catch (error) {
    program.kill()
    throw error
  }
  program.stdin.end()
  await program.ended
}

async function write(stdin: Writable, part: Buffer): Promise<void> {
  if (stdin.destroyed) return // the program has ended, and tells why by itself
  if (stdin.write(part)) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stdin.off('drain', done)
      stdin.off('close', done)
      resolve()
    }
    stdin.once('drain', done)
    stdin.once('close', done)
  })
}

/** `pg_dump: error: query failed: ERROR:  permission denied …` without the name before it. */
function firstErrorOf(said: string): string | null {
  const lines = said.split('\n').filter((line) => line.trim() !== '')
  const line = lines.find((text) => / error: /.test(text)) ?? lines[0]
  return line?.replace(/^.*? error: /, '').trim() ?? null
}
