import type { Sql } from '@latchkey/platform/database/client'
import type { ListPosition } from '../../../list-cursor.js'
import type { ActingAdmin } from '../acting-admin.js'
import type { ListedEventRow } from '../events/queries.js'
import { instantOf, isBefore, originOf } from '../queries.js'
import { walkedRows } from '../read-page.js'

export interface AlertRow {
  id: string
  rule: string
  subject: string
  severity: string
  userId: string | null
  ipAddress: string | null
  incidents: number
  eventCount: bigint
  firstAt: Date
  lastAt: Date
  createdAt: Date
  actions: string[]
  data: Record<string, unknown>
  acknowledgedAt: Date | null
  acknowledgedBy: string | null
  note: string | null
}

const alertColumns = (sql: Sql) => sql`
  a.id, a.rule, a.subject, a.severity, a.user_id, host(a.ip) AS ip_address, a.incidents, a.event_count, a.first_at, a.last_at,
  a.created_at, a.actions, a.data, a.acknowledged_at, a.acknowledged_by, a.note`

export async function findAlert(sql: Sql, id: string): Promise<AlertRow | null> {
  const [row] = await sql<AlertRow[]>`SELECT ${alertColumns(sql)} FROM alerts a WHERE a.id = ${id}`
  return row ?? null
}

export interface AlertList {
  before: ListPosition
  since: bigint | null
  rule: string | null
  severity: string | null
  isOpen: boolean | null
  userId: string | null
}

export type ListedAlertRow = AlertRow & ListPosition

const newestFirst = (sql: Sql) => sql`ORDER BY a.created_at DESC, a.id DESC`

export const alertsQuery = (sql: Sql, list: AlertList, limit: number) => sql<ListedAlertRow[]>`
  SELECT ${alertColumns(sql)}, (extract(epoch FROM a.created_at) * 1000000)::bigint AS microseconds
  FROM (SELECT a.* FROM alerts a WHERE ${isWalked(sql, list)} ${newestFirst(sql)} LIMIT ${walkedRows}) a
  WHERE (${list.rule}::text IS NULL OR a.rule = ${list.rule})
    AND (${list.severity}::text IS NULL OR a.severity = ${list.severity})
    AND (${list.isOpen}::boolean IS NULL OR (a.acknowledged_at IS NULL) = ${list.isOpen})
  ${newestFirst(sql)}
  LIMIT ${limit}`

/** The last alert that such a page has looked at; null when there were none left. */
export async function findEndOfAlerts(sql: Sql, list: AlertList): Promise<ListPosition | null> {
  const [row] = await sql<ListPosition[]>`
    SELECT a.id, (extract(epoch FROM a.created_at) * 1000000)::bigint AS microseconds
    FROM alerts a WHERE ${isWalked(sql, list)} ${newestFirst(sql)}
    OFFSET ${walkedRows - 1} LIMIT 1`
  return row ?? null
}

const isWalked = (sql: Sql, { before, since, userId }: AlertList) => sql`
  ${isBefore(sql, 'created_at', before)}
  ${since === null ? sql`` : sql`AND a.created_at >= ${instantOf(sql, { microseconds: since, id: '' })}`}
  ${userId === null ? sql`` : sql`AND a.user_id = ${userId}`}`

/** An id tells the millisecond in which it was made (RFC 9562, 5.7), and whoever writes an event makes its id and its time together. */
const drift = '1 second'

/**
 * The events of an alert that the log still has, in their order. Each is looked up by its time, which its id tells, because the log is in the
 * order of times, and a month has any number of events.
 */
export async function listEventsOfAlert(sql: Sql, alertId: string): Promise<ListedEventRow[]> {
  return sql<ListedEventRow[]>`
    SELECT e.id, (extract(epoch FROM e.occurred_at) * 1000000)::bigint AS microseconds, e.occurred_at, e.type, e.severity,
      e.user_id, e.actor_id, e.session_id, host(e.ip) AS ip_address, e.user_agent, e.request_id, e.trace_id, e.data
    FROM alerts a, unnest(a.event_ids) AS named (id),
      LATERAL (SELECT to_timestamp(('x' || left(replace(named.id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) AS made_at) AS told,
      LATERAL (
        SELECT * FROM security_events
        WHERE id = named.id AND occurred_at BETWEEN told.made_at - ${drift}::interval AND told.made_at + ${drift}::interval
      ) AS e
    WHERE a.id = ${alertId}
    ORDER BY e.occurred_at, e.id`
}

/** Whether it was open until now. Tells of it. */
export async function acknowledge(
  sql: Sql,
  admin: ActingAdmin,
  { id, note }: { id: string; note: string | null },
): Promise<boolean> {
  const [row] = await sql<{ isDone: boolean }[]>`
    SELECT acknowledge_alert(${admin.sessionId}::uuid, ${id}::uuid, ${note}::text, ${originOf(sql, admin)}) AS is_done`
  return row?.isDone === true
}
