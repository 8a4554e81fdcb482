import { identify } from '../../src/servers/process-identity.js'

/** Those of `pids` that still run. */
export function survivors(pids: readonly number[]): number[] {
  return pids.filter((pid) => identify(pid) !== null)
}
