import type { SecurityEvent, SecurityEventType, Severity } from '@latchkey/contracts/events'
import { mailRules } from '@latchkey/contracts/mails'
import type { Sql } from '../database/client.js'

/** Events of one type and severity that were stored now, and not before. */
export interface StoredEvents {
  readonly type: SecurityEventType
  readonly severity: Severity
  readonly count: number
  /** Age of the oldest of them. */
  readonly lagSeconds: number
}

const eventColumns = (sql: Sql) => sql`
  id, occurred_at, type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, trace_id, data`

/**
 * Stores what is not stored yet of the events of `source`, each with the next place of the log, and chains them. Whoever stores waits until
 * whoever stored before has committed: `seq` has no gaps, and a reader who has seen n never sees a smaller one that is new.
 */
const storedFrom = (sql: Sql, source: 'given' | 'taken') => sql`
  SELECT id, type, severity, occurred_at FROM store_security_events((
    SELECT array_agg(ROW(${eventColumns(sql)}, NULL)::outbox) FROM ${sql(source)}
  ))`

/**
 * The events as rows with the columns above. One parameter for a batch of any size, so that it is one prepared statement; text,
 * because the driver would encode a json parameter once more.
 */
const eventRows = (sql: Sql, events: readonly SecurityEvent[]) => sql`
  SELECT
    id, "occurredAt" AS occurred_at, type, severity, "userId" AS user_id, "actorId" AS actor_id, "sessionId" AS session_id,
    ip, "userAgent" AS user_agent, "requestId" AS request_id, "traceId" AS trace_id, data
  FROM json_to_recordset(${JSON.stringify(events)}::text::json) AS event (
    id uuid, "occurredAt" timestamptz, type text, severity text, "userId" uuid, "actorId" uuid, "sessionId" uuid,
    ip inet, "userAgent" text, "requestId" text, "traceId" text, data jsonb)`

/** What was stored, summed up from the rows of `stored`. */
const storedSummary = (sql: Sql) => sql`
  SELECT
    type, severity, count(*)::int AS count,
    extract(epoch FROM clock_timestamp() - min(occurred_at))::float8 AS "lagSeconds"
  FROM stored GROUP BY type, severity`

/**
 * The mails that the events of `stored` ask for, with what they tell of from `source`. Part of the statement that stores the
 * events, and only for those that were not there before: so a mail is never lost, and never asked for twice. Whence somebody else acted
 * on the account is not told. An event names the token of the mail's link by `tokenId`, by `mailTo` an address that is not in
 * `users` any more, and by `mailLocale` the language of one who is not; an alert by `rule` what was seen, and by `actions` what was done.
 */
const mailsOfStored = (sql: Sql, source: 'given' | 'taken') => sql`
  INSERT INTO mails (event_id, template, user_id, data)
  SELECT event.id, rule.template, event.user_id, jsonb_build_object(
    'occurredAt', event.occurred_at, 'sessionId', event.session_id,
    'tokenId', CASE WHEN rule.link IS NOT NULL THEN event.data->'tokenId' END,
    'address', event.data->'mailTo', 'locale', event.data->'mailLocale',
    'rule', event.data->'rule', 'actions', event.data->'actions')
    || CASE WHEN event.actor_id IS NULL OR event.actor_id = event.user_id
      THEN jsonb_build_object('ip', host(event.ip), 'userAgent', event.user_agent)
      ELSE '{"ip": null, "userAgent": null}' END
  FROM ${sql(source)} AS event
  JOIN json_to_recordset(${JSON.stringify(mailRules)}::text::json) AS rule (type text, "when" jsonb, template text, link text)
    ON rule.type = event.type AND event.data @> rule."when" AND (rule.link IS NULL OR event.data ? 'tokenId')
  WHERE event.user_id IS NOT NULL AND event.id IN (SELECT id FROM stored)
  ON CONFLICT DO NOTHING`

/** 1 for the worst, and so on. */
const rankOf = (sql: Sql, severity: 'event.severity' | 'endpoint.least_severity') => sql`
  array_position('{critical,warning,notice,info}'::text[], ${sql(severity)})`

/**
 * The deliveries that the events of `stored` make due. Part of the statement that stores the events, as the mails are. Where there is no
 * webhook it costs a look at an empty table.
 */
const deliveriesOfStored = (sql: Sql, source: 'given' | 'taken') => sql`
  INSERT INTO webhook_deliveries (endpoint_id, event_id, occurred_at, urgency)
  SELECT endpoint.id, event.id, event.occurred_at, ${rankOf(sql, 'event.severity')}
  FROM webhook_endpoints AS endpoint
  JOIN ${sql(source)} AS event ON
    (endpoint.event_types && ARRAY['*', event.type]
      AND ${rankOf(sql, 'event.severity')} <= ${rankOf(sql, 'endpoint.least_severity')})
    OR (event.type = 'webhook.tested' AND event.data->>'webhookId' = endpoint.id::text)
  WHERE endpoint.disabled_at IS NULL AND event.id IN (SELECT id FROM stored)
  ON CONFLICT DO NOTHING`

export async function insertOutboxRows(sql: Sql, events: readonly SecurityEvent[]): Promise<void> {
  await sql`INSERT INTO outbox (${eventColumns(sql)}) ${eventRows(sql, events)}`
}

/**
 * Stores the events that are not stored yet, and takes all of them out of the outbox: in one statement, so both or neither.
 * Whoever stores events waits for the lock of the chain before any row, and rows that are being moved are left to their mover, so that
 * nobody waits in a circle.
 */
export async function insertSecurityEvents(
  sql: Sql,
  events: readonly SecurityEvent[],
): Promise<StoredEvents[]> {
  return sql<StoredEvents[]>`
    WITH given AS (${eventRows(sql, events)}
    ), settled AS (
      DELETE FROM outbox
      WHERE id = ANY(ARRAY(SELECT id FROM outbox WHERE id IN (SELECT id FROM given) FOR UPDATE SKIP LOCKED))
    ), stored AS (${storedFrom(sql, 'given')}
    ), mailed AS (${mailsOfStored(sql, 'given')}
    ), delivered AS (${deliveriesOfStored(sql, 'given')}
    )
    ${storedSummary(sql)}`
}

/**
 * The oldest events of the outbox that were never relayed or not within `leaseSeconds`, marked as relayed now; rows that another
 * relay is marking are passed over. A crash that loses the mark costs a repetition, so that the commit need not reach the disk.
 */
export async function leaseOutboxRows(
  sql: Sql,
  { limit, leaseSeconds }: { limit: number; leaseSeconds: number },
): Promise<SecurityEvent[]> {
  // Times as text: a Date has milliseconds, and the microseconds are part of the key by which an event is stored once.
  return sql<SecurityEvent[]>`
    WITH durability AS (
      SELECT set_config('synchronous_commit', 'off', true)
    ), waiting AS (
      SELECT id FROM outbox
      WHERE relayed_at IS NULL OR relayed_at < now() - make_interval(secs => ${leaseSeconds})
      ORDER BY id
      LIMIT ${limit}
      FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox SET relayed_at = now()
    FROM waiting, durability
    WHERE outbox.id = waiting.id
    RETURNING
      outbox.id, to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS occurred_at, type, severity,
      user_id, actor_id, session_id, host(ip) AS ip, user_agent, request_id, trace_id, data`
}

export interface MovedEvents {
  readonly moved: number
  readonly stored: StoredEvents[]
}

/** Moves the oldest rows of the outbox to the table without a queue, relayed or not. */
export async function moveOutboxRows(sql: Sql, limit: number): Promise<MovedEvents> {
  // An array, because a plain subquery may be run more than once by the plan that is chosen, and then takes too many rows.
  const [row] = await sql<MovedEvents[]>`
    WITH taken AS (
      DELETE FROM outbox
      WHERE id = ANY(ARRAY(SELECT id FROM outbox ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED))
      RETURNING *
    ), stored AS (${storedFrom(sql, 'taken')}
    ), mailed AS (${mailsOfStored(sql, 'taken')}
    ), delivered AS (${deliveriesOfStored(sql, 'taken')}
    ), summary AS (${storedSummary(sql)})
    SELECT
      (SELECT count(*)::int FROM taken) AS moved,
      (SELECT coalesce(json_agg(summary), '[]') FROM summary) AS stored`
  return row ?? { moved: 0, stored: [] }
}
