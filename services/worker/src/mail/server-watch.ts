import type { Logger } from '@latchkey/platform/logging/logger'

const firstPauseMs = 1000
const longestPauseMs = 60_000

export interface ServerWatch {
  /** Mails to take up now, of `most`: none while the server is away, and one to see whether it is back. */
  room(most: number): number
  /** Until the next try; 0 when there may be one. */
  pauseSeconds(): number
  noteAway(reason: string): void
  noteAnswer(): void
}

/**
 * Keeps a process from running at a mail server that is away with every mail that waits: one mail tries, at growing intervals,
 * and an outage is two lines in the log.
 */
export function createServerWatch(log: Logger, now: () => number = () => performance.now()): ServerWatch {
  let pauseMs = 0
  let pausedUntil = -Infinity

  return {
    room: (most) => (pauseMs === 0 ? most : now() < pausedUntil ? 0 : Math.min(1, most)),
    pauseSeconds: () => Math.max(0, pausedUntil - now()) / 1000,
    noteAway(reason) {
      // Mails that were under way together fail together; that is one failure.
      if (now() < pausedUntil) return
      if (pauseMs === 0) log.error({ reason }, 'The mail server is away: mails wait for it')
      pauseMs = pauseMs === 0 ? firstPauseMs : Math.min(pauseMs * 2, longestPauseMs)
      pausedUntil = now() + pauseMs
    },
    noteAnswer() {
      if (pauseMs > 0) log.info('The mail server is back')
      pauseMs = 0
      pausedUntil = -Infinity
    },
  }
}
