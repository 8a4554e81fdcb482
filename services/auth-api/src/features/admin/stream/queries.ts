import type { Sql } from '@latchkey/platform/database/client'
import type { ListedEventRow } from '../events/queries.js'

export interface PlacedEventRow extends Omit<ListedEventRow, 'microseconds'> {
  seq: bigint
}

/** The place of the last event that is stored; places are given in the order of commits, so none comes later with a smaller one. */
export async function findLastPlace(sql: Sql): Promise<bigint> {
  const [row] = await sql<{ seq: bigint | null }[]>`SELECT max(seq) AS seq FROM security_events`
  return row?.seq ?? 0n
}

/** The first `limit` events after a place, in the order of the log. */
export async function listEventsAfter(sql: Sql, seq: bigint, limit: number): Promise<PlacedEventRow[]> {
  return sql<PlacedEventRow[]>`
    SELECT e.seq, e.id, e.occurred_at, e.type, e.severity, e.user_id, e.actor_id, e.session_id, host(e.ip) AS ip_address,
      e.user_agent, e.request_id, e.trace_id, e.data
    FROM security_events e WHERE e.seq > ${seq} ORDER BY e.seq LIMIT ${limit}`
}
