import type { MaintenanceTask } from './maintenance-task.js'

export interface InProcessSchedule {
  /** Runs what is due, and goes on doing so. */
  resume(): void
  /** Starts nothing more; what runs goes on. */
  pause(): void
  /** Pauses, and resolves when nothing runs any more. */
  stop(): Promise<void>
}

type Run = (task: MaintenanceTask) => Promise<void>

/** The clock of this process, for as long as there is no queue that keeps one clock for all. */
export function createInProcessSchedule(tasks: readonly MaintenanceTask[], runTask: Run): InProcessSchedule {
  const rounds = tasks.map((task) => createRound(task, runTask))
  return {
    resume: () => rounds.forEach((round) => round.resume()),
    pause: () => rounds.forEach((round) => round.pause()),
    stop: async () => void (await Promise.all(rounds.map((round) => round.stop()))),
  }
}

/** One task: its next run is armed when the last one has ended, so that an overrun delays the next and never meets it. */
function createRound(task: MaintenanceTask, runTask: Run) {
  let isActive = false
  let timer: NodeJS.Timeout | null = null
  let run: Promise<void> | null = null
  // Kept while paused: a Redis that comes and goes must not start an hourly task each time.
  let lastStartedAt = -Infinity

  function arm(): void {
    if (!isActive || run !== null || timer !== null) return
    timer = setTimeout(start, Math.max(0, lastStartedAt + task.everyMs - performance.now()))
  }

  function start(): void {
    timer = null
    lastStartedAt = performance.now()
    run = runTask(task)
      .catch(() => undefined) // the runner has logged it, and the next turn is the retry
      .finally(() => {
        run = null
        arm()
      })
  }

  function pause(): void {
    isActive = false
    if (timer !== null) clearTimeout(timer)
    timer = null
  }

  return {
    resume(): void {
      isActive = true
      arm()
    },
    pause,
    async stop(): Promise<void> {
      pause()
      await run
    },
  }
}
