import { identify } from '@latchkey/devstack/servers/process-identity'

/** Those of `pids` that still run. */
export function survivors(pids: readonly number[]): number[] {
  return pids.filter((pid) => identify(pid) !== null)
}
