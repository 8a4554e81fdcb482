import { randomInt } from 'node:crypto'

/** Seconds from a failure to the next try: eight tries in 21 hours, so that whoever repairs it in the morning has missed nothing. */
const pausesSeconds = [10, 60, 300, 1800, 7200, 21_600, 43_200]
/** Of each pause, more or less: what failed together is not tried together. */
const jitter = 0.1
/** Longer than this a receiver cannot put us off. */
const longestRetryAfterSeconds = 3600

/** After so many failures in a row an endpoint gets one try at a time, and pauses between them. */
export const breakerAfter = 5
export const firstPauseSeconds = 10
export const longestPauseSeconds = 3600
/** An endpoint at which nothing has worked for so long is disabled. */
export const failingTooLongSeconds = 24 * 3600

/** Seconds until a delivery that has failed `failures` times is tried again; null when that was the last try. */
export function nextTrySeconds(
  failures: number,
  retryAfterSeconds: number,
  random: () => number = () => randomInt(1000) / 1000,
): number | null {
  const pause = pausesSeconds[failures - 1]
  if (pause === undefined) return null
  return Math.max(pause * (1 - jitter + 2 * jitter * random()), retryAfterSeconds)
}

/** `Retry-After` in seconds, of a date or a number (RFC 9110, 10.2.3); 0 for none, and for what is neither. */
export function readRetryAfter(header: string | null, nowMs: number): number {
  if (header === null) return 0
  const seconds = /^\d{1,9}$/.test(header) ? Number(header) : (Date.parse(header) - nowMs) / 1000
  return Number.isFinite(seconds) ? Math.min(Math.max(0, seconds), longestRetryAfterSeconds) : 0
}
