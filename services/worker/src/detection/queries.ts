import type { SecurityEventType } from '@latchkey/contracts/events'
import type { Sql } from '@latchkey/platform/database/client'
import type { DetectedEvent } from './detected-event.js'
import type { ChangedWindow } from './memory.js'
import type { SignIn } from './rule.js'

/**
 * Where the look through the log has come to, locked until the transaction ends; null when another worker has it. Places in the log are given in the order
 * of commits, and have no gaps: whoever has seen one never meets an earlier one.
 */
export async function lockCursor(sql: Sql): Promise<bigint | null> {
  const [row] = await sql<{ seq: bigint }[]>`SELECT seq FROM detection_cursor FOR UPDATE SKIP LOCKED`
  return row?.seq ?? null
}

export async function moveCursor(sql: Sql, seq: bigint): Promise<void> {
  await sql`UPDATE detection_cursor SET seq = ${seq}`
}

export interface ReadEvents {
  /** How many there were, of any type. */
  readonly read: number
  /** The last of them; null when there was none. */
  readonly lastSeq: bigint | null
  readonly events: DetectedEvent[]
}

/** The next events of the log, and those of them that are of `types`. One row, because that is read many times as fast as thousands. */
export async function readEventsAfter(
  sql: Sql,
  { seq, limit, types }: { seq: bigint; limit: number; types: readonly SecurityEventType[] },
): Promise<ReadEvents> {
  const [row] = await sql<ReadEvents[]>`
    WITH next AS (
      SELECT seq, id, occurred_at, recorded_at, type, user_id, actor_id, ip, user_agent, data FROM security_events
      WHERE seq > ${seq} ORDER BY seq LIMIT ${limit}
    )
    SELECT count(*)::int AS read, max(seq) AS last_seq, coalesce(json_agg(json_build_object(
      'id', id, 'at', round(1000 * extract(epoch FROM least(occurred_at, recorded_at))), 'type', type, 'userId', user_id,
      'actorId', actor_id, 'ip', host(ip), 'userAgent', user_agent, 'data', data) ORDER BY seq)
      FILTER (WHERE type = ANY (${[...types]}::text[])), '[]') AS events
    FROM next`
  return row ?? { read: 0, lastSeq: null, events: [] }
}

/** Ids in hexadecimal, states as JSON. */
export async function findWindows(sql: Sql, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await sql<{ id: string; state: string }[]>`
    SELECT encode(uuid_send(id), 'hex') AS id, state::text AS state
    FROM detection_windows WHERE id = ANY (${[...ids]}::uuid[])`
  return new Map(rows.map(({ id, state }) => [id, state]))
}

/** Sets what has changed, and deletes what is empty. */
export async function saveWindows(sql: Sql, changed: readonly ChangedWindow[]): Promise<void> {
  const kept = changed.filter(({ window }) => window !== null)
  const emptied = changed.filter(({ window }) => window === null).map(({ id }) => id)
  if (emptied.length > 0) await sql`DELETE FROM detection_windows WHERE id = ANY (${emptied}::uuid[])`
  if (kept.length === 0) return
  const rows = kept.map(({ id, watch, window, expiresAt }) => ({
    id,
    watch,
    state: window,
    expires: expiresAt / 1000,
  }))
  await sql`
    INSERT INTO detection_windows (id, watch, state, expires_at)
    SELECT id, watch, state, to_timestamp(expires)
    FROM json_to_recordset(${JSON.stringify(rows)}::text::json) AS held (id uuid, watch text, state jsonb, expires float8)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, expires_at = excluded.expires_at`
}

const historyDays = 90
const historySignIns = 50
/** Of all kinds: an account under attack has far more failures than sign-ins, and looking for the latter must not take long. */
const historyEvents = 2000

/** The newest sign-ins of each user before a moment, newest first. */
export async function findSignIns(
  sql: Sql,
  asked: ReadonlyMap<string, number>,
): Promise<Map<string, SignIn[]>> {
  if (asked.size === 0) return new Map()
  const rows = await sql<{ userId: string; signIns: SignIn[] }[]>`
    SELECT asked.user_id, (
      SELECT coalesce(json_agg(json_build_object('at', at, 'ip', ip, 'userAgent', user_agent) ORDER BY at DESC), '[]') FROM (
        SELECT 1000 * extract(epoch FROM occurred_at) AS at, host(ip) AS ip, user_agent FROM (
          SELECT occurred_at, type, ip, user_agent FROM security_events
          WHERE user_id = asked.user_id AND occurred_at < asked.before
            AND occurred_at > asked.before - make_interval(days => ${historyDays})
          ORDER BY occurred_at DESC LIMIT ${historyEvents}
        ) AS newest
        WHERE type = 'login.succeeded' LIMIT ${historySignIns}
      ) AS sign_in
    ) AS sign_ins
    FROM ${askedRows(sql, asked)}`
  return new Map(rows.map(({ userId, signIns }) => [userId, signIns]))
}

const habitDays = 28

/** The hours, from 1970, in which each has acted as an admin before a moment. One look into the index for each hour, however much was done in it. */
export async function findActHours(
  sql: Sql,
  asked: ReadonlyMap<string, number>,
): Promise<Map<string, number[]>> {
  if (asked.size === 0) return new Map()
  const rows = await sql<{ userId: string; hours: number[] }[]>`
    SELECT asked.user_id, ARRAY(
      SELECT hour::int FROM generate_series(
        floor(extract(epoch FROM asked.before) / 3600)::int - ${24 * habitDays}::int,
        floor(extract(epoch FROM asked.before) / 3600)::int) AS hour
      WHERE EXISTS (
        SELECT FROM security_events
        WHERE actor_id = asked.user_id AND type = 'admin.acted'
          AND occurred_at >= to_timestamp(hour * 3600::float8) AND occurred_at < to_timestamp((hour + 1) * 3600::float8))
    ) AS hours
    FROM ${askedRows(sql, asked)}`
  return new Map(rows.map(({ userId, hours }) => [userId, hours]))
}

const askedRows = (sql: Sql, asked: ReadonlyMap<string, number>) => sql`(
  SELECT user_id, to_timestamp(before / 1000) AS before
  FROM json_to_recordset(${JSON.stringify([...asked].map(([userId, before]) => ({ user_id: userId, before })))}::text::json)
    AS given (user_id uuid, before float8)
) AS asked`

export async function deleteExpiredWindows(sql: Sql, limit: number): Promise<void> {
  await sql`
    DELETE FROM detection_windows WHERE id = ANY (ARRAY(
      SELECT id FROM detection_windows WHERE expires_at < now() ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED))`
}

/** Of each watch with more keys than that, those that are over first. */
export async function deleteSurplusWindows(
  sql: Sql,
  keysPerWatch: number,
): Promise<{ watch: string; deleted: number }[]> {
  return sql<{ watch: string; deleted: number }[]>`
    WITH crowded AS (
      SELECT watch FROM detection_windows GROUP BY watch HAVING count(*) > ${keysPerWatch}
    ), gone AS (
      DELETE FROM detection_windows WHERE id IN (
        SELECT id FROM (
          SELECT id, row_number() OVER (PARTITION BY watch ORDER BY expires_at DESC, id) AS place
          FROM detection_windows WHERE watch IN (SELECT watch FROM crowded)
        ) AS ranked WHERE place > ${keysPerWatch})
      RETURNING watch
    )
    SELECT watch, count(*)::int AS deleted FROM gone GROUP BY watch`
}
