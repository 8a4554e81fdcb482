import type { Deps } from '../deps.js'
import type { MaintenanceTask } from './maintenance-task.js'
import { runAlone } from './run-alone.js'

/** Runs a task now, unless a run of it is under way. Rejects with what the task failed with. */
export type RunTask = (task: MaintenanceTask, signal: AbortSignal) => Promise<void>

/** One runner a process: whoever starts a task, the queue or the clock, meets the same guard. */
export function createTaskRunner(deps: Deps): RunTask {
  const running = new Set<string>()
  const failing = new Set<string>()

  async function runGuarded(task: MaintenanceTask, signal: AbortSignal): Promise<void> {
    const work = async () => void (await task.run(deps, signal))
    if (task.runs === 'alone') await runAlone(deps.sessionSql, task.name, work)
    else await work()
  }

  // A task that comes round twice a second must not fill the log with one outage.
  function noteFailure(task: MaintenanceTask, error: unknown): void {
    if (failing.has(task.name)) return
    failing.add(task.name)
    deps.log.error(
      { err: error, task: task.name },
      'A maintenance task failed and is tried again at its next turn',
    )
  }

  function noteSuccess(task: MaintenanceTask): void {
    if (failing.delete(task.name)) deps.log.info({ task: task.name }, 'A maintenance task works again')
  }

  return async (task, signal) => {
    if (running.has(task.name) || signal.aborted) return
    running.add(task.name)
    try {
      await runGuarded(task, signal)
      noteSuccess(task)
    } catch (error) {
      noteFailure(task, error)
      throw error
    } finally {
      running.delete(task.name)
    }
  }
}
