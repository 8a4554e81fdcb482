import { spawnSync } from 'node:child_process'

let hasParentDeathSignal: boolean | undefined

/**
 * What goes before a command so that the kernel sends it `signal` when this process dies, even of SIGKILL; nothing where the kernel
 * cannot (macOS), or setpriv is missing.
 */
export function dyingWithParent(signal: 'SIGINT' | 'SIGTERM'): string[] {
  const options = ['--pdeathsig', signal.slice('SIG'.length), '--no-new-privs']
  hasParentDeathSignal ??=
    process.platform === 'linux' && spawnSync('setpriv', [...options, 'true']).status === 0
  return hasParentDeathSignal ? ['setpriv', ...options] : []
}
