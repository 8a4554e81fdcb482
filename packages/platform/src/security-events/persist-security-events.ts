import type { SecurityEvent } from '@latchkey/contracts/events'
import { insertSplitting, type RefusedItem } from '../batching/insert-splitting.js'
import type { Sql } from '../database/client.js'
import { insertSecurityEvents, type StoredEvents } from './queries.js'

export interface PersistedEvents {
  /** What was new. */
  readonly stored: readonly StoredEvents[]
  /** What PostgreSQL will never take. Whoever calls keeps it elsewhere: a failed job does. */
  readonly refused: readonly RefusedItem<SecurityEvent>[]
}

/**
 * Stores a batch with one statement, each event once however often it comes, and settles its rows in the outbox. Throws when
 * PostgreSQL is away.
 */
export async function persistSecurityEvents(
  sql: Sql,
  events: readonly SecurityEvent[],
): Promise<PersistedEvents> {
  if (events.length === 0) return { stored: [], refused: [] }
  const { results, refused } = await insertSplitting(events, (some) => insertSecurityEvents(sql, some))
  return { stored: results.flat(), refused }
}
