import type { CookieSession, Session, User } from '@latchkey/contracts/http/answers'

/** What a sign-in or a refresh answers: with tokens, or without them where they are in cookies. */
export type SessionAnswer = (CookieSession & { accessToken?: undefined; refreshToken?: undefined }) | Session

/** A session as it is kept: all that the next refresh needs, and who it is. Times are milliseconds of this device's clock. */
export interface SessionRecord {
  sessionId: string
  /** How many tokens this session has had here since it was opened. */
  rotation: number
  /** 128 random bits, made with the session: see `idempotencyKeyOf`. */
  keySeed: string
  /** Null where the tokens are in cookies. */
  refreshToken: string | null
  accessToken: string | null
  obtainedAt: number
  expiresAt: number
  user: User
  /** When anything of this was last changed; later than before, whatever the clock says. */
  changedAt: number
}

/**
 * The Idempotency-Key of the refresh that follows: one for each token, the same on every retry and in every tab, because each of them
 * finds it in what is stored with the token. A key drawn at random by each tab would be another in each, and look like a thief's.
 */
export function idempotencyKeyOf(record: Pick<SessionRecord, 'keySeed' | 'rotation'>): string {
  return `${record.keySeed}.${record.rotation}`
}

export function openRecord(answer: SessionAnswer, keySeed: string, now: number): SessionRecord {
  return {
    sessionId: answer.sessionId,
    rotation: 0,
    keySeed,
    refreshToken: answer.refreshToken ?? null,
    ...accessOf(answer, now),
    changedAt: now,
  }
}

export function nextRecord(record: SessionRecord, answer: SessionAnswer, now: number): SessionRecord {
  const rotated = { rotation: record.rotation + 1, refreshToken: answer.refreshToken ?? null }
  return changedRecord(record, { ...rotated, ...accessOf(answer, now) }, now)
}

export function changedRecord(
  record: SessionRecord,
  change: Partial<SessionRecord>,
  now: number,
): SessionRecord {
  return { ...record, ...change, changedAt: Math.max(now, record.changedAt + 1) }
}

/**
 * After a step-up: another access token. The refresh token stays, and is not taken from the answer: that may be one which another tab has
 * rotated to, and belongs to its rotation.
 */
export function raisedRecord(record: SessionRecord, answer: SessionAnswer, now: number): SessionRecord {
  return changedRecord(record, accessOf(answer, now), now)
}

function accessOf(answer: SessionAnswer, now: number) {
  return {
    accessToken: answer.accessToken ?? null,
    obtainedAt: now,
    expiresAt: now + answer.expiresIn * 1000,
    user: answer.user,
  }
}

/** How long before its end an access token is replaced. */
const refreshMarginMs = 60_000
/** How long a request may be under way. */
const travelMs = 5_000
/** Clocks are set back by this much without anybody noticing. */
const clockToleranceMs = 5_000

const lifetimeOf = ({ expiresAt, obtainedAt }: SessionRecord): number => expiresAt - obtainedAt

export function marginOf(record: SessionRecord): number {
  return Math.min(refreshMarginMs, lifetimeOf(record) / 4)
}

/** Whether it can be sent. A clock that was set back says nothing about how old the token is. */
export function isUsable(record: SessionRecord, now: number): boolean {
  const travel = Math.min(travelMs, lifetimeOf(record) / 10)
  return now < record.expiresAt - travel && now >= record.obtainedAt - clockToleranceMs
}

/** Whether it need not be replaced yet. */
export function isFresh(record: SessionRecord, now: number): boolean {
  return isUsable(record, now) && now < record.expiresAt - marginOf(record)
}
