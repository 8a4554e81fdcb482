import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '../wait-for.js'
import { findDescendants, hasHalted, identify, isAlive, parseIdentity } from './process-identity.js'

const stopDeadlineMs = 20_000

/** Notes in `folder` which process works there, for the next start to find if it outlives its parent. */
export function rememberProcess(folder: string, pid: number): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(fileIn(folder), JSON.stringify(identify(pid)), { mode: 0o600 })
}

export function forgetProcess(folder: string): void {
  rmSync(fileIn(folder), { force: true })
}

/** Stops the process that an earlier parent left running in `folder`: two servers on the same data would ruin it. */
export async function stopForgotten(folder: string, signal: NodeJS.Signals): Promise<void> {
  if (!existsSync(fileIn(folder))) return
  const identity = parseIdentity(readFileSync(fileIn(folder), 'utf8'))
  if (identity !== null && isAlive(identity)) {
    send(identity.pid, signal)
    try {
      await waitFor(() => !isAlive(identity), { what: 'the process to end', deadlineMs: stopDeadlineMs })
    } catch {
      await killFamily(identity.pid)
    }
  }
  forgetProcess(folder)
}

/** SIGKILL to a process and all its descendants. The parent is stopped first, so that it cannot fork a child that the list lacks. */
export async function killFamily(pid: number): Promise<void> {
  send(pid, 'SIGSTOP')
  await waitFor(() => hasHalted(pid), { what: `process ${pid} to halt`, everyMs: 1 })
  const family = [pid, ...findDescendants(pid)].map(identify).filter((member) => member !== null)
  for (const member of family.toReversed()) send(member.pid, 'SIGKILL')
  await waitFor(() => !family.some(isAlive), { what: `process ${pid} and its children to end` })
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

function fileIn(folder: string): string {
  return join(folder, 'process.json')
}
