import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { identify, isAlive, parseIdentity, type ProcessIdentity } from './servers/process-identity.js'

export interface FolderLock {
  release: () => void
}

/**
 * Takes the lock `file` for this process, or answers who holds it. A holder that has died does not hold it any more: no clean-up is
 * needed after SIGKILL or a power cut.
 */
export function takeFolderLock(file: string): FolderLock | ProcessIdentity {
  const own = JSON.stringify(identify(process.pid))
  for (;;) {
    if (linkContent(file, own)) return { release: () => rmSync(file, { force: true }) }
    const seen = readOrNull(file)
    const holder = seen === null ? null : parseIdentity(seen)
    if (holder !== null && isAlive(holder)) return holder
    if (seen !== null) removeIfStill(file, seen)
  }
}

/** Appears whole or not at all, and not over another one: link(2) refuses a name that exists. */
function linkContent(file: string, content: string): boolean {
  const draft = `${file}.${randomUUID()}`
  writeFileSync(draft, content, { mode: 0o600 })
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft)
  }
}

/** Two may find the same dead holder, and the slower must not remove the lock of the faster: it looks at what it took, and gives it back. */
function removeIfStill(file: string, content: string): void {
  const taken = `${file}.${randomUUID()}`
  try {
    renameSync(file, taken)
  } catch {
    return // the faster one has removed it
  }
  const found = readFileSync(taken, 'utf8')
  rmSync(taken)
  if (found !== content) linkContent(file, found)
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
