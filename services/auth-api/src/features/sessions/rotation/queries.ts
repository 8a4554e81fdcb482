import type { Sql } from '@latchkey/platform/database/client'
import { fixedStatement } from '@latchkey/platform/database/fixed-statement'
import type { RequestOrigin } from '../../../request-origin.js'
import type { SeenSession } from '../decide-refresh.js'
import type { DeviceChange } from '../device-change.js'
import type { Fingerprint } from '../fingerprint.js'
import type { Lifetimes } from '../lifetimes.js'
import { canEnd, isAlive, lifeOf, type LiveSessionRow, liveSession } from '../queries.js'

/** A session whose tokens a refresh may hand out, with the device that it is known to be on. */
export interface RefreshableRow extends LiveSessionRow {
  /** Null when nobody noted it. */
  deviceFingerprint: Fingerprint | null
}

export interface SeenSessionRow extends RefreshableRow, SeenSession {
  /** Until its next rotation is allowed; null when it is now. */
  limitedForMs: number | null
}

export interface Rotation {
  sessionId: string
  generation: bigint
  retryKey: Buffer
  rotatedBy: Buffer
  lifetimes: Lifetimes
  limit: RefreshLimit
}

/** So many rotations of one session in fixed windows of this length. */
export interface RefreshLimit {
  max: number
  windowSeconds: number
}

const refreshableSession = (sql: Sql, lifetimes: Lifetimes) =>
  sql`${liveSession(sql, lifetimes)}, s.device_fingerprint`

const isWindowOver = (sql: Sql, { windowSeconds }: RefreshLimit) =>
  sql`s.refresh_window_started_at <= now() - make_interval(secs => ${windowSeconds})`

const rotatedColumns = (sql: Sql, { retryKey, rotatedBy, lifetimes, limit }: Rotation) => sql`
  refresh_count = CASE WHEN ${isWindowOver(sql, limit)} THEN 1 ELSE s.refresh_count + 1 END,
  refresh_window_started_at = CASE WHEN ${isWindowOver(sql, limit)} THEN now() ELSE s.refresh_window_started_at END,
  rotated_at = now(),
  last_used_at = now(),
  idle_expires_at = now() + ${lifeOf(sql, lifetimes.refreshTtlSeconds, lifetimes.adminRefreshTtlSeconds)},
  retry_keys = ${retryKey}::bytea || substring(s.retry_keys FROM 1 FOR 24),
  rotated_by = ${rotatedBy}`

interface OwnRotation extends Rotation {
  /** Where the session must not leave it. */
  onlyAgent: Buffer | null
  synchronousCommit: 'on' | 'off'
}

// set_config is local to the statement's own transaction, so it holds through a transaction pooler too.
const rotationStatement = fixedStatement<OwnRotation, RefreshableRow>(
  (sql, rotated) => sql`
    WITH durability AS (SELECT set_config('synchronous_commit', ${rotated.synchronousCommit}, true))
    UPDATE sessions s SET generation = s.generation + 1, ${rotatedColumns(sql, rotated)}
    FROM durability, users u
    WHERE s.id = ${rotated.sessionId} AND s.generation = ${rotated.generation}
      AND u.id = s.user_id AND ${isAlive(sql, rotated.lifetimes)}
      AND (s.refresh_count < ${rotated.limit.max} OR ${isWindowOver(sql, rotated.limit)})
      AND (substring(s.device_fingerprint FROM 1 FOR 8) <> ${rotated.onlyAgent}) IS NOT TRUE
    RETURNING ${refreshableSession(sql, rotated.lifetimes)}`,
)

/**
 * The whole refresh: one statement, one heap-only update. Null when the row is not at this generation, not alive or over its
 * limit, or on another agent than `onlyAgent` where that is given. `off` lets it commit asynchronously: "ahead" heals what a crash loses.
 */
export async function rotateSession(sql: Sql, rotated: OwnRotation): Promise<RefreshableRow | null> {
  const [row] = await sql.run(rotationStatement, rotated)
  return row ?? null
}

export async function findSession(
  sql: Sql,
  { sessionId, lifetimes, limit }: Pick<Rotation, 'sessionId' | 'lifetimes' | 'limit'>,
): Promise<SeenSessionRow | null> {
  const [row] = await sql<SeenSessionRow[]>`
    SELECT ${refreshableSession(sql, lifetimes)},
      ${isAlive(sql, lifetimes)} AS is_alive,
      extract(epoch FROM now() - s.rotated_at)::float8 AS rotated_age_seconds,
      s.retry_keys, s.rotated_by,
      CASE WHEN s.refresh_count >= ${limit.max} AND NOT ${isWindowOver(sql, limit)} THEN
        1000 * extract(epoch FROM s.refresh_window_started_at - now() + make_interval(secs => ${limit.windowSeconds}))::float8
      END AS limited_for_ms
    FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.id = ${sessionId}`
  return row ?? null
}

/** Moves a session on from a generation that we issued and the database has lost. Null when another request was first. */
export async function recoverGeneration(
  sql: Sql,
  rotation: Rotation & { lostFrom: bigint; origin: RequestOrigin },
): Promise<RefreshableRow | null> {
  const { lifetimes, origin } = rotation
  const [row] = await sql<RefreshableRow[]>`
    WITH recovered AS (
      UPDATE sessions s SET generation = ${rotation.generation}::bigint + 1, ${rotatedColumns(sql, rotation)}
      FROM users u
      WHERE s.id = ${rotation.sessionId} AND s.generation = ${rotation.lostFrom}
        AND u.id = s.user_id AND ${isAlive(sql, lifetimes)}
      RETURNING s.*
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, session_id, ip, user_agent, request_id, data)
      SELECT 'session.generation_recovered', 'warning', user_id, id,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
        jsonb_build_object('storedGeneration', ${rotation.lostFrom}::bigint, 'presentedGeneration', ${rotation.generation}::bigint)
      FROM recovered
    )
    SELECT ${refreshableSession(sql, lifetimes)} FROM recovered s JOIN users u ON u.id = s.user_id`
  return row ?? null
}

/** Ends the session that a reused token belongs to. False when the row has moved on since it was read, or has ended. */
export async function revokeReusedSession(
  sql: Sql,
  reuse: { sessionId: string; presented: bigint; stored: bigint; origin: RequestOrigin },
): Promise<boolean> {
  const { origin } = reuse
  const rows = await sql`
    WITH ended AS (
      UPDATE sessions SET revoked_at = now(), revoke_reason = 'reuse'
      WHERE id = ${reuse.sessionId} AND generation = ${reuse.stored} AND revoked_at IS NULL
      RETURNING id, user_id
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, session_id, ip, user_agent, request_id, data)
      SELECT 'session.reuse_detected', 'critical', user_id, id,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
        jsonb_build_object('storedGeneration', ${reuse.stored}::bigint, 'presentedGeneration', ${reuse.presented}::bigint)
      FROM ended
    )
    SELECT id FROM ended`
  return rows.length > 0
}

export interface MovedSession {
  sessionId: string
  change: DeviceChange
  origin: RequestOrigin
}

/** Notes the device that a session has moved to, and tells of it. */
export async function updateDevice(sql: Sql, moved: MovedSession): Promise<void> {
  await sql`
    WITH moved AS (${movedSession(sql, moved)}), told AS (${movedEvent(sql, moved)})
    UPDATE sessions s SET device_fingerprint = ${moved.change.to}, ip = ${moved.origin.ip}::inet, user_agent = ${moved.origin.userAgent}
    FROM moved WHERE s.id = moved.id`
}

/** Ends a session that must not move to another agent, and tells of both. False when it has changed since it was read, or ended. */
export async function revokeMovedSession(sql: Sql, moved: MovedSession): Promise<boolean> {
  const { origin } = moved
  const rows = await sql`
    WITH moved AS (${movedSession(sql, moved)}), told AS (${movedEvent(sql, moved)}
    ), ended AS (
      UPDATE sessions s SET revoked_at = now(), revoke_reason = 'device_changed'
      FROM moved WHERE s.id = moved.id
      RETURNING s.id, s.user_id
    ), told_ended AS (
      -- Nobody known is the actor: it may be the owner with a new browser, or a thief.
      INSERT INTO outbox (type, severity, user_id, session_id, ip, user_agent, request_id, data)
      SELECT 'session.revoked', 'info', user_id, id,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('reason', 'device_changed')
      FROM ended
    )
    SELECT id FROM ended`
  return rows.length > 0
}

/** Of several requests that notice a change, one finds the session as it was seen. Locked: what is told of it is what is replaced. */
const movedSession = (sql: Sql, { sessionId, change }: MovedSession) => sql`
  SELECT s.id, s.user_id, host(s.ip) AS ip, s.user_agent FROM sessions s
  WHERE s.id = ${sessionId} AND s.device_fingerprint = ${change.from} AND ${canEnd(sql)}
  FOR UPDATE`

/** A phone roams all day; a token that turns up in another browser or app was carried there. */
const movedEvent = (sql: Sql, { change: { changed }, origin }: MovedSession) => sql`
  INSERT INTO outbox (type, severity, user_id, session_id, ip, user_agent, request_id, data)
  SELECT 'session.device_changed', ${changed.includes('agent') ? 'warning' : 'info'}, user_id, id,
    ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
    jsonb_build_object('changed', to_jsonb(${[...changed]}::text[]), 'previousIp', ip, 'previousUserAgent', user_agent)
  FROM moved`
