import type { Queue } from '@latchkey/platform/queue/queues'
import { isOwnRetry, type MaintenanceTask } from './maintenance-task.js'

/**
 * A turn that is this late was lost: its worker died between taking the job and scheduling the next one, or the job was
 * deleted by hand. Longer than any worker takes to pick up a job, one that comes back after a stall included.
 */
const lostAfterMs = 30_000

export interface QueueSchedule {
  /** Writes every schedule as this process has it, so that the settings of the last one to start hold. */
  write(): Promise<void>
  /** Puts back schedules that are gone (a flushed Redis) or have stopped. Leaves those alone that another setting made. */
  mend(): Promise<void>
}

/**
 * The schedules in Redis, one a task: BullMQ keeps them by id, so that any number of workers write the same one. A changed
 * interval replaces the old schedule and its waiting job.
 */
export function createQueueSchedule(
  queue: Queue,
  tasks: readonly MaintenanceTask[],
  { maxAttempts }: { maxAttempts: number },
): QueueSchedule {
  async function write(task: MaintenanceTask): Promise<void> {
    await queue.upsertJobScheduler(
      task.name,
      { every: task.everyMs },
      { name: task.name, data: {}, opts: jobOptions(task, maxAttempts) },
    )
  }

  async function mend(task: MaintenanceTask): Promise<void> {
    const schedule = await queue.getJobScheduler(task.name)
    const isLost = schedule?.next === undefined || schedule.next < Date.now() - lostAfterMs
    if (isLost) await write(task)
  }

  return {
    write: async () => void (await Promise.all(tasks.map(write))),
    mend: async () => void (await Promise.all(tasks.map(mend))),
  }
}

function jobOptions(task: MaintenanceTask, maxAttempts: number) {
  return {
    attempts: isOwnRetry(task) ? 1 : maxAttempts,
    removeOnComplete: { count: 10 },
    removeOnFail: { count: 100 },
  }
}
