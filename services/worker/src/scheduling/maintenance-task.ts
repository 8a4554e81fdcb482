import type { MaintenanceJob } from '@latchkey/contracts/queues'
import type { Deps } from '../deps.js'

/** Work that comes round by itself. A run starts from what it finds, so that one that never happened is made up by the next. */
export interface MaintenanceTask {
  readonly name: MaintenanceJob
  readonly everyMs: number
  /**
   * `alone`: one run at a time in the whole installation, kept apart by a lock in PostgreSQL.
   * `beside-others`: one run at a time in each worker; its statements keep workers apart, by SKIP LOCKED or a lock of their own.
   */
  readonly runs: 'alone' | 'beside-others'
  /** `signal` asks for an early end between two steps, because the worker is shutting down. */
  readonly run: (deps: Deps, signal: AbortSignal) => Promise<unknown>
}

/** A task that comes round before a retry of it would is its own retry. */
export function isOwnRetry(task: MaintenanceTask): boolean {
  return task.everyMs < 60_000
}
