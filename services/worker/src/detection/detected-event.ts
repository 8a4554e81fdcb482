import type { SecurityEventType } from '@latchkey/contracts/events'

/** An event of the log, as rules look at it. */
export interface DetectedEvent {
  readonly id: string
  /** Milliseconds. When it happened, and never after it was stored: a clock that is ahead can't reach into the future. */
  readonly at: number
  readonly type: SecurityEventType
  readonly userId: string | null
  readonly actorId: string | null
  readonly ip: string | null
  readonly userAgent: string | null
  readonly data: Readonly<Record<string, unknown>>
}

const wrongGuesses: ReadonlySet<unknown> = new Set(['wrong_password', 'no_password', 'unknown_account'])

/** A password that was wrong, wherever it was asked for. A right one that led nowhere, as with a disabled account, is no guess. */
export function isWrongPassword({ type, data }: DetectedEvent): boolean {
  return type === 'login.failed' && wrongGuesses.has(data['reason'])
}

/** The same from outside: whoever is asked for the password once more is signed in. */
export function isFailedSignIn(event: DetectedEvent): boolean {
  return isWrongPassword(event) && event.data['during'] === undefined
}

/** The first factor was right. */
export function isSignIn({ type }: DetectedEvent): boolean {
  return type === 'login.succeeded' || type === 'mfa.challenged'
}

/**
 * Which account it was about. A name that nobody has is told by a mark of it, so that ten tries at one are not ten accounts; without a
 * mark each counts by itself.
 */
export function accountOf({ id, userId, data }: DetectedEvent): string {
  if (userId !== null) return `user ${userId}`
  return typeof data['target'] === 'string' ? `name ${data['target']}` : `event ${id}`
}
