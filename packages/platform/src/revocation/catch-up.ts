import type { Sql } from '../database/client.js'
import type { Logger } from '../logging/logger.js'
import type { Denylist } from '../redis/denylist.js'
import { readRevocations } from './queries.js'

/**
 * How long a process trusts the list after it compared the list with PostgreSQL. Short, because whoever could not write a
 * revocation waits this long before answering; not shorter, because busy processes compare about twice as often.
 */
export const trustMs = 1000
const renewAfterMs = 400
/** After a failure, so that a PostgreSQL or Redis in trouble isn't asked at every request. */
const retryAfterMs = 200
/**
 * `revoked_at` is when the transaction began, and the row shows when it commits. No transaction that revokes takes this long: it
 * is one statement or two, and waits for locks are cut at 2 s.
 */
const longestTransactionSeconds = 30
export interface CatchUp {
  /** Every revocation that was committed `trustMs` ago or earlier has been in Redis. Starts the next comparison when due. */
  isCurrent(): boolean
}

export interface CatchUpOptions {
  readonly denylist: Denylist
  readonly sql: Sql
  /** How long after its revocation an access token of a session could be presented. */
  readonly windowSeconds: number
  readonly log: Logger
}

/**
 * Copies to Redis the revocations that others could not write, a moment after they were committed.
 *
 * The threat: an instance commits a revocation, its connection to Redis is cut (or Redis is out of memory), and all others
 * still read a list that looks whole. So nobody believes the absence of an entry for longer than `trustMs` after its own
 * comparison began, and an instance whose write failed answers only after that time has passed.
 *
 * Runs with the traffic: an idle process compares nothing and trusts nothing.
 */
export function createCatchUp({ denylist, sql, windowSeconds, log }: CatchUpOptions): CatchUp {
  let trustedUntil = -Infinity
  let dueAt = -Infinity
  let isRunning = false
  let lastStartedAt: number | null = null
  let written = new Set<string>()
  let hasFailed = false

  async function compare(): Promise<void> {
    const startedAt = performance.now()
    const elapsedSeconds = lastStartedAt === null ? Infinity : (startedAt - lastStartedAt) / 1000
    const sinceSeconds = Math.min(elapsedSeconds + longestTransactionSeconds, windowSeconds)
    const seen = new Set<string>()
    for await (const page of readRevocations(sql, { sinceSeconds, windowSeconds })) {
      await denylist.addMissing(page.filter(({ id }) => !written.has(id)))
      for (const { id } of page) seen.add(id)
    }
    // Only now: when a write failed, the next comparison has to reach back to before this one.
    written = seen
    lastStartedAt = startedAt
    trustedUntil = startedAt + trustMs
    dueAt = performance.now() + renewAfterMs
  }

  async function run(): Promise<void> {
    isRunning = true
    try {
      await compare()
      hasFailed = false
    } catch (error) {
      dueAt = performance.now() + retryAfterMs
      if (!hasFailed)
        log.warn({ err: error }, 'Revocations in Redis could not be compared; PostgreSQL answers instead')
      hasFailed = true
    } finally {
      isRunning = false
    }
  }

  return {
    isCurrent() {
      const now = performance.now()
      if (now >= dueAt && !isRunning) void run()
      return now < trustedUntil
    },
  }
}
