import type { SecurityEvent, SecurityEventType, Severity } from '@latchkey/contracts/events'
import type { Sql } from '../database/client.js'

/** How many events of one type and severity were stored. */
export interface EventCount {
  readonly type: SecurityEventType
  readonly severity: Severity
  readonly count: number
}

/**
 * One parameter for a whole batch, so that every size of batch is the same prepared statement. Text, because the driver would
 * encode a value for a json parameter once more.
 */
const toJson = (events: readonly SecurityEvent[]): string => JSON.stringify(events)

/** The events of `json` as rows with the columns of `security_events` and `outbox`. */
const eventRows = (sql: Sql, json: string) => sql`
  SELECT id, "occurredAt", type, severity, "userId", "actorId", "sessionId", ip, "userAgent", "requestId", "traceId", data
  FROM json_to_recordset(${json}::text::json) AS event (
    id uuid, "occurredAt" timestamptz, type text, severity text, "userId" uuid, "actorId" uuid, "sessionId" uuid,
    ip inet, "userAgent" text, "requestId" text, "traceId" text, data jsonb)`

const eventColumns = (sql: Sql) => sql`
  id, occurred_at, type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, trace_id, data`

// An array, because a plain subquery may be run more than once by the plan that is chosen, and then takes more than the limit.
const oldestOutboxIds = (sql: Sql, limit: number) => sql`
  ARRAY(SELECT id FROM outbox ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED)`

export async function insertOutboxRows(sql: Sql, events: readonly SecurityEvent[]): Promise<void> {
  await sql`INSERT INTO outbox (${eventColumns(sql)}) ${eventRows(sql, toJson(events))}`
}

/** Stores the events that are not stored yet. */
export async function insertSecurityEvents(
  sql: Sql,
  events: readonly SecurityEvent[],
): Promise<EventCount[]> {
  return await sql<EventCount[]>`
    WITH stored AS (
      INSERT INTO security_events (${eventColumns(sql)}) ${eventRows(sql, toJson(events))}
      ON CONFLICT DO NOTHING
      RETURNING type, severity
    )
    SELECT type, severity, count(*)::int AS count FROM stored GROUP BY type, severity`
}

/** Takes the oldest rows that nobody else is taking. They come back when the transaction does not commit. */
export async function takeOutboxRows(sql: Sql, limit: number): Promise<SecurityEvent[]> {
  // Times as text: a Date has milliseconds, and an event stored by both ways must be one row, so of the same microsecond.
  return await sql<SecurityEvent[]>`
    DELETE FROM outbox
    WHERE id = ANY(${oldestOutboxIds(sql, limit)})
    RETURNING
      id, to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS occurred_at, type, severity,
      user_id, actor_id, session_id, host(ip) AS ip, user_agent, request_id, trace_id, data`
}

export interface MovedEvents {
  readonly moved: number
  readonly stored: EventCount[]
}

/** Moves the oldest rows from the outbox to the table in one statement, without a queue. */
export async function moveOutboxRows(sql: Sql, limit: number): Promise<MovedEvents> {
  const [row] = await sql<[MovedEvents]>`
    WITH taken AS (
      DELETE FROM outbox
      WHERE id = ANY(${oldestOutboxIds(sql, limit)})
      RETURNING *
    ), stored AS (
      INSERT INTO security_events (${eventColumns(sql)})
      SELECT ${eventColumns(sql)} FROM taken
      ON CONFLICT DO NOTHING
      RETURNING type, severity
    ), counted AS (
      SELECT type, severity, count(*)::int AS count FROM stored GROUP BY type, severity
    )
    SELECT
      (SELECT count(*)::int FROM taken) AS moved,
      (SELECT coalesce(json_agg(counted), '[]') FROM counted) AS stored`
  return row
}
