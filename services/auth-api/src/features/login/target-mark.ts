import { createHmac } from 'node:crypto'

/**
 * Tells names that nobody has apart in the log, so that detection knows ten tries at one from tries at ten. Made of a keyed hash, and another one each
 * day: whoever reads the log, or a later one beside it, can neither guess the name nor follow it.
 */
export function targetMark(guessSubject: Buffer, now = new Date()): string {
  const day = now.toISOString().slice(0, 10)
  return createHmac('sha256', guessSubject).update(day).digest('base64url').slice(0, 12)
}
