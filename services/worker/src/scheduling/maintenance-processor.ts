import { UnrecoverableError } from 'bullmq'
import { toAppError } from '@latchkey/platform/database/errors'
import type { Processor } from '@latchkey/platform/queue/consumer'
import { isOwnRetry, type MaintenanceTask } from './maintenance-task.js'
import type { RunTask } from './task-runner.js'

/** A task's turn as it comes from the queue. */
export function maintenanceProcessor(
  tasks: readonly MaintenanceTask[],
  runTask: RunTask,
): Processor<'maintenance'> {
  const byName = new Map(tasks.map((task) => [task.name, task]))
  return async ({ name }, signal) => {
    const task = byName.get(name)
    if (task === undefined) throw new UnrecoverableError(`This worker has no task ${name}`)
    try {
      await runTask(task, signal)
    } catch (error) {
      // During an outage of PostgreSQL the turns of a frequent task would pile up, each to be tried again.
      if (isOwnRetry(task) && toAppError(error)?.code === 'unavailable') return
      throw error
    }
  }
}
