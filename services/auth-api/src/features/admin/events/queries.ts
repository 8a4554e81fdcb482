import type { Sql } from '@latchkey/platform/database/client'
import type { ListPosition } from '../../../list-cursor.js'
import { instantOf, isBefore } from '../queries.js'
import { walkedRows } from '../read-page.js'

export interface EventList {
  before: ListPosition
  since: bigint | null
  userId: string | null
  type: string | null
  severity: string | null
  ip: string | null
}

export interface ListedEventRow extends ListPosition {
  occurredAt: Date
  type: string
  severity: string
  userId: string | null
  actorId: string | null
  sessionId: string | null
  ipAddress: string | null
  userAgent: string | null
  requestId: string | null
  traceId: string | null
  data: Record<string, unknown>
}

const newestFirst = (sql: Sql) => sql`ORDER BY e.occurred_at DESC, e.id DESC`

export const eventsQuery = (sql: Sql, list: EventList, limit: number) => sql<ListedEventRow[]>`
  SELECT e.id, (extract(epoch FROM e.occurred_at) * 1000000)::bigint AS microseconds, e.occurred_at, e.type, e.severity,
    e.user_id, e.actor_id, e.session_id, host(e.ip) AS ip_address, e.user_agent, e.request_id, e.trace_id, e.data
  FROM (SELECT e.* FROM security_events e WHERE ${isWalked(sql, list)} ${newestFirst(sql)} LIMIT ${walkedRows}) e
  WHERE (${list.type}::text IS NULL OR e.type = ${list.type})
    AND (${list.severity}::text IS NULL OR e.severity = ${list.severity})
    AND (${list.ip}::inet IS NULL OR e.ip = ${list.ip}::inet)
  ${newestFirst(sql)}
  LIMIT ${limit}`

/** The last event that such a page has looked at; null when there were none left. */
export async function findEndOfEvents(sql: Sql, list: EventList): Promise<ListPosition | null> {
  const [row] = await sql<ListPosition[]>`
    SELECT e.id, (extract(epoch FROM e.occurred_at) * 1000000)::bigint AS microseconds
    FROM security_events e WHERE ${isWalked(sql, list)} ${newestFirst(sql)}
    OFFSET ${walkedRows - 1} LIMIT 1`
  return row ?? null
}

/** The events that a page looks at: by user and time, by time among the alarming ones, or by time. Partitions outside are left out. */
const isWalked = (sql: Sql, { before, since, userId, severity }: EventList) => sql`
  ${isBefore(sql, 'occurred_at', before)}
  ${since === null ? sql`` : sql`AND e.occurred_at >= ${instantOf(sql, { microseconds: since, id: '' })}`}
  ${userId === null ? sql`` : sql`AND e.user_id = ${userId}`}
  ${severity === 'warning' || severity === 'critical' ? sql`AND e.severity IN ('warning', 'critical')` : sql``}`
