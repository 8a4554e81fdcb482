import type { Sql } from '@latchkey/platform/database/client'
import { pseudonymiseAlerts } from '../../alerts/queries.js'
import type { Deps } from '../../deps.js'
import { pseudonymiseFailedJobs } from './failed-jobs.js'
import {
  deleteSettledMailsOf,
  type ErasureRow,
  forgetErasure,
  leaseErasures,
  postponeErasure,
  pseudonymiseEvents,
} from './queries.js'

type ErasedDeps = Pick<Deps, 'config' | 'queues' | 'redis' | 'sql'>

const erasuresPerTurn = 100
const eventsPerStatement = 1000
/** Far longer than the events of one user take. Two workers at one of them do no harm. */
const leaseSeconds = 300

/**
 * An event of somebody who was erased may still come: from the outbox, from a queue that stood still, from a request that was under
 * way. So one looks again, at growing distances: a minute, an hour, a day and a month after the look before. A month is as long as failed
 * jobs are kept.
 */
const pausesSeconds = [60, 3600, 24 * 3600, 30 * 24 * 3600]

/**
 * Puts what is left of erased users in the log and in failed jobs under their pseudonyms, and forgets last whose those are. What is cut
 * off, by a shutdown or a store that is away, is done again when the lease has run out.
 */
export async function pseudonymiseErased(deps: ErasedDeps, signal: AbortSignal): Promise<void> {
  const { config, queues, redis, sql } = deps
  for (;;) {
    const erasures = await leaseErasures(sql, { limit: erasuresPerTurn, leaseSeconds })
    if (erasures.length === 0) return
    for (const { userId, pseudonym } of erasures) {
      await pseudonymiseAllEvents(sql, userId, signal)
      await pseudonymiseAlerts(sql, { userId, pseudonym })
      await deleteSettledMailsOf(sql, userId)
    }
    if (config.redisUrl !== null) {
      if (!redis.isAvailable()) return
      const pseudonyms = new Map(erasures.map(({ userId, pseudonym }) => [userId, pseudonym]))
      await pseudonymiseFailedJobs(queues.securityEvents, pseudonyms)
    }
    if (signal.aborted) return
    for (const erasure of erasures) await noteLook(sql, erasure)
    if (erasures.length < erasuresPerTurn) return
  }
}

async function pseudonymiseAllEvents(sql: Sql, userId: string, signal: AbortSignal): Promise<void> {
  let changed = 1
  while (changed > 0 && !signal.aborted) changed = await pseudonymiseEvents(sql, userId, eventsPerStatement)
}

async function noteLook(sql: Sql, { userId, looks }: ErasureRow): Promise<void> {
  const pauseSeconds = pausesSeconds[looks]
  if (pauseSeconds === undefined) await forgetErasure(sql, userId)
  else await postponeErasure(sql, userId, pauseSeconds)
}
