import type { SecurityEvent } from '@latchkey/contracts/events'
import type { Sql } from '../database/client.js'
import { insertOutboxRows } from './queries.js'

/** Keeps events until the worker relays them. One statement, in the caller's transaction if it is given one. */
export async function insertOutboxEvents(sql: Sql, events: readonly SecurityEvent[]): Promise<void> {
  if (events.length > 0) await insertOutboxRows(sql, events)
}
