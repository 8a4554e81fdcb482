import { queueNames } from '@latchkey/contracts/queues'
import type { Deps } from '../deps.js'
import { createInProcessSchedule } from './in-process-schedule.js'
import type { MaintenanceTask } from './maintenance-task.js'
import { createQueueSchedule } from './queue-schedule.js'
import type { RunTask } from './task-runner.js'

/** How long the queue may be out of reach before this process keeps its own clock: longer than a connection takes to open. */
const graceMs = 1000
const mendEveryMs = 5000

export interface Schedule {
  /** Ends the clock of this process, and waits for what it has started to stop. The schedules in Redis stay. */
  stop(): Promise<void>
}

/**
 * Makes the tasks come round: through the queue, once for all workers, while Redis is there; by the clock of each worker while
 * it is not, or refuses to write. PostgreSQL keeps two runs of a task apart, so that a moment with both clocks does no harm.
 */
export function startSchedule(
  { config, log, metrics, redis, queues }: Pick<Deps, 'config' | 'log' | 'metrics' | 'redis' | 'queues'>,
  tasks: readonly MaintenanceTask[],
  runTask: RunTask,
): Schedule {
  const stopping = new AbortController()
  const inProcess = createInProcessSchedule(tasks, async (task) => {
    const observe = metrics.queueJobDurationSeconds.startTimer({
      queue: queueNames.maintenance,
      name: task.name,
    })
    await runTask(task, stopping.signal).finally(observe)
  })
  const inQueue = createQueueSchedule(queues.maintenance, tasks, { maxAttempts: config.jobMaxAttempts })
  let isWritten = false
  let isInProcess = false
  let grace: NodeJS.Timeout | null = null
  let attending = Promise.resolve()

  function takeOver(): void {
    grace = null
    isInProcess = true
    log.warn('The queue is out of reach: this worker runs maintenance by its own clock')
    inProcess.resume()
  }

  function handBack(): void {
    if (grace !== null) clearTimeout(grace)
    grace = null
    if (isInProcess) log.info('The queue is back and runs maintenance again')
    isInProcess = false
    inProcess.pause()
  }

  async function attend(): Promise<void> {
    if (stopping.signal.aborted) return
    try {
      await (isWritten ? inQueue.mend() : inQueue.write())
      isWritten = true
      handBack()
    } catch (error) {
      log.debug({ err: error }, 'The schedules could not be written to the queue')
      if (!isInProcess) grace ??= setTimeout(takeOver, graceMs)
    }
  }

  /** One after the other, so that an old answer never decides after a newer one. */
  function attendNext(): void {
    attending = attending.then(attend)
  }

  if (config.redisUrl === null) {
    inProcess.resume()
    return {
      async stop() {
        stopping.abort()
        await inProcess.stop()
      },
    }
  }
  const stopListening = redis.onAvailabilityChange(attendNext)
  const timer = setInterval(attendNext, mendEveryMs)
  attendNext()
  return {
    async stop() {
      stopping.abort()
      stopListening()
      clearInterval(timer)
      await attending
      if (grace !== null) clearTimeout(grace)
      await inProcess.stop()
    },
  }
}
