import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { StartError } from '../start-error.js'

export interface Account {
  uid: number
  gid: number
}

/**
 * Whom servers run as. PostgreSQL refuses to be root, and a Redis that is root makes any hole in it a hole in the machine. Null: as we
 * are, which is nobody special. Whoever owns `ownedFolder` already stays its owner.
 */
export function findUnprivilegedAccount(ownedFolder: string): Account | null {
  if (process.getuid?.() !== 0) return null
  if (process.platform !== 'linux')
    throw new StartError('PostgreSQL refuses to run as root: run this as an ordinary user')
  if (existsSync(ownedFolder)) {
    const { uid, gid } = statSync(ownedFolder)
    if (uid !== 0) return { uid, gid }
  }
  const account = lookUp('postgres') ?? lookUp('nobody')
  if (account === null)
    throw new StartError(
      'PostgreSQL refuses to run as root, and there is no user postgres or nobody: run this as an ordinary user',
    )
  return account
}

/** `id` instead of /etc/passwd, since accounts may come from a directory service. */
function lookUp(name: string): Account | null {
  const [uid, gid] = ['-u', '-g'].map((option) => {
    const { status, stdout } = spawnSync('id', [option, name], { encoding: 'utf8' })
    return status === 0 ? Number(stdout) : 0
  })
  return uid && gid ? { uid, gid } : null
}
