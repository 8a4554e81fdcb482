import { createBatcher } from '../batching/batcher.js'
import type { Sql } from '../database/client.js'
import { findLiveSessionIds } from './queries.js'

const maxIdsPerStatement = 500
/** So many checks may wait for PostgreSQL before further ones are told that the service is busy. */
const maxWaitingChecks = 10_000

/**
 * Answers from PostgreSQL whether a session is live: it exists and is not revoked. Checks that arrive while a statement runs
 * share the next one, so that an outage of Redis costs PostgreSQL a few statements at a time, however many requests there
 * are. A check never shares a statement that was already sent: its snapshot may be older than a revocation that the caller
 * was told of.
 */
export function createSessionLookup(sql: Sql): (sessionId: string) => Promise<boolean> {
  const batcher = createBatcher<string, boolean>({
    maxItems: maxIdsPerStatement,
    maxInFlight: 2,
    maxWaiting: maxWaitingChecks,
    async run(ids) {
      const live = await findLiveSessionIds(sql, [...new Set(ids)])
      return ids.map((id) => live.has(id))
    },
  })
  return (sessionId) => batcher.submit(sessionId)
}
