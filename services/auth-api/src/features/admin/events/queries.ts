import type { Sql, SqlFragment } from '@latchkey/platform/database/client'
import type { ListPosition } from '../../../list-cursor.js'
import { instantOf, isBefore } from '../queries.js'

/** As `walkedRows` of other lists, and fewer: the events of an address or a type lie far apart, each in a page of its own. */
const walkedEvents = 5000

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
  FROM (SELECT e.* FROM security_events e WHERE ${isWalked(sql, list)} ${newestFirst(sql)} LIMIT ${walkedEvents}) e
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
    OFFSET ${walkedEvents - 1} LIMIT 1`
  return row ?? null
}

/**
 * The events that a page looks at, by the one index that is likely to have the fewest of them: of the user, of the address, of the type, the
 * alarming ones, or all, each by time. What else is asked for is looked at in the rows: two conditions that are common each and rare together
 * would make PostgreSQL walk on for as long as it takes. Partitions outside the time are left out.
 */
const isWalked = (sql: Sql, list: EventList) => sql`
  ${isBefore(sql, 'occurred_at', list.before)}
  ${list.since === null ? sql`` : sql`AND e.occurred_at >= ${instantOf(sql, { microseconds: list.since, id: '' })}`}
  ${isOfIndex(sql, list)}`

function isOfIndex(sql: Sql, { userId, ip, type, severity }: EventList): SqlFragment {
  if (userId !== null) return sql`AND e.user_id = ${userId}`
  if (ip !== null) return sql`AND e.ip = ${ip}::inet`
  if (type !== null) return sql`AND e.type = ${type}`
  const isAlarming = severity === 'warning' || severity === 'critical'
  return isAlarming ? sql`AND e.severity IN ('warning', 'critical')` : sql``
}
