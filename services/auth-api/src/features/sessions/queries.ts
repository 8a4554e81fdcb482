import type { SessionListItem } from '@latchkey/contracts/http/answers'
import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'
import type { UserRow } from '../profile/user-answer.js'
import type { SeenSession } from './decide-refresh.js'

/** A live session with its user: what a session answer and an access token are made of. */
export interface LiveSessionRow extends UserRow {
  sessionId: string
  generation: bigint
  aal: number
  amr: string[]
  authenticatedAt: Date
  /** Seconds until the session ends unless it is refreshed: the smaller of idle and absolute. */
  refreshExpiresIn: number
}

export type SeenSessionRow = LiveSessionRow & SeenSession

// The columns are spelled out in one place and set into statements as a fragment, which postgres.js caches with them.
const liveSession = (sql: Sql) => sql`
  s.id AS session_id, s.generation, s.aal, s.amr, s.authenticated_at,
  floor(extract(epoch FROM least(s.idle_expires_at, s.absolute_expires_at) - now()))::int AS refresh_expires_in,
  u.id, u.email, u.email_verified_at, u.username, u.name, u.user_type, u.roles, u.traits, u.mfa_enabled,
  u.created_at, u.last_login_at`

const isAlive = (sql: Sql) =>
  sql`s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.absolute_expires_at > now()`

export interface Rotation {
  sessionId: string
  generation: bigint
  retryKey: Buffer
  rotatedBy: Buffer
  refreshTtlSeconds: number
  /** `off` lets the rotation commit asynchronously: the case "ahead" heals what a crash loses. */
  synchronousCommit: 'on' | 'off'
}

/**
 * The whole refresh: one statement, one heap-only update. Null when the row is not at this generation or not alive.
 * set_config is local to the statement's own transaction, so it holds through a transaction pooler too.
 */
export async function rotateSession(sql: Sql, rotation: Rotation): Promise<LiveSessionRow | null> {
  const [row] = await sql<LiveSessionRow[]>`
    WITH durability AS (SELECT set_config('synchronous_commit', ${rotation.synchronousCommit}, true))
    UPDATE sessions s SET
      generation = s.generation + 1,
      rotated_at = now(),
      last_used_at = now(),
      idle_expires_at = now() + make_interval(secs => ${rotation.refreshTtlSeconds}),
      retry_keys = ${rotation.retryKey}::bytea || substring(s.retry_keys FROM 1 FOR 24),
      rotated_by = ${rotation.rotatedBy}
    FROM durability, users u
    WHERE s.id = ${rotation.sessionId} AND s.generation = ${rotation.generation} AND ${isAlive(sql)}
      AND u.id = s.user_id AND u.disabled_at IS NULL
    RETURNING ${liveSession(sql)}`
  return row ?? null
}

export async function findSession(sql: Sql, sessionId: string): Promise<SeenSessionRow | null> {
  const [row] = await sql<SeenSessionRow[]>`
    SELECT ${liveSession(sql)},
      ${isAlive(sql)} AND u.disabled_at IS NULL AS is_alive,
      extract(epoch FROM now() - s.rotated_at)::float8 AS rotated_age_seconds,
      s.retry_keys, s.rotated_by
    FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.id = ${sessionId}`
  return row ?? null
}

/** Moves a session on from a generation that we issued and the database has lost. Null when another request was first. */
export async function recoverGeneration(
  sql: Sql,
  rotation: Omit<Rotation, 'synchronousCommit'> & { lostFrom: bigint; origin: RequestOrigin },
): Promise<LiveSessionRow | null> {
  const { origin } = rotation
  const [row] = await sql<LiveSessionRow[]>`
    WITH recovered AS (
      UPDATE sessions s SET
        generation = ${rotation.generation}::bigint + 1,
        rotated_at = now(),
        last_used_at = now(),
        idle_expires_at = now() + make_interval(secs => ${rotation.refreshTtlSeconds}),
        retry_keys = ${rotation.retryKey}::bytea || substring(s.retry_keys FROM 1 FOR 24),
        rotated_by = ${rotation.rotatedBy}
      FROM users owner
      WHERE s.id = ${rotation.sessionId} AND s.generation = ${rotation.lostFrom} AND ${isAlive(sql)}
        AND owner.id = s.user_id AND owner.disabled_at IS NULL
      RETURNING s.*
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, session_id, ip, user_agent, request_id, data)
      SELECT 'session.generation_recovered', 'warning', user_id, id,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
        jsonb_build_object('storedGeneration', ${rotation.lostFrom}::bigint, 'presentedGeneration', ${rotation.generation}::bigint)
      FROM recovered
    )
    SELECT ${liveSession(sql)} FROM recovered s JOIN users u ON u.id = s.user_id`
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

export interface NewSession {
  sessionId: string
  userId: string
  /** The hash that the presented password was checked against. */
  passwordHash: string
  amr: string[]
  origin: RequestOrigin
  deviceName: string | null
  fingerprint: Buffer
  refreshTtlSeconds: number
  sessionMaxAgeSeconds: number
}

/**
 * Opens a session and tells of it, in one statement. Null when the password was changed, or the user disabled or deleted,
 * while the hash was computed: the share lock makes a change of password wait for us, or us see it.
 * Locks in the order credential, user, session, as every change of password does.
 */
export async function insertSession(sql: Sql, session: NewSession): Promise<LiveSessionRow | null> {
  const { origin } = session
  const [row] = await sql<LiveSessionRow[]>`
    WITH credential AS (
      SELECT user_id FROM credentials
      WHERE user_id = ${session.userId} AND password_hash = ${session.passwordHash}
      FOR SHARE
    ), u AS (
      UPDATE users SET last_login_at = now() FROM credential
      WHERE users.id = credential.user_id AND users.disabled_at IS NULL
      RETURNING users.*
    ), s AS (
      INSERT INTO sessions (id, user_id, idle_expires_at, absolute_expires_at, ip, amr, device_name, user_agent, device_fingerprint)
      SELECT ${session.sessionId}, u.id,
        now() + make_interval(secs => ${session.refreshTtlSeconds}),
        now() + make_interval(secs => ${session.sessionMaxAgeSeconds}),
        ${origin.ip}::inet, ${sql.array(session.amr)}, ${session.deviceName}, ${origin.userAgent}, ${session.fingerprint}
      FROM u
      RETURNING *
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, session_id, ip, user_agent, request_id, data)
      SELECT 'login.succeeded', 'info', s.user_id, s.id, s.ip, s.user_agent, ${origin.requestId},
        jsonb_build_object('amr', to_jsonb(s.amr))
      FROM s
    )
    SELECT ${liveSession(sql)} FROM s JOIN u ON u.id = s.user_id`
  return row ?? null
}

export interface Revocation {
  reason: 'logout' | 'logout_all' | 'user_revoked' | 'password_changed' | 'client_revoked'
  origin: RequestOrigin
  /** Who did it, when it was not the user: a service client. */
  actorId?: string
}

/** Ends one session, of `userId` only when that is given; its id when it was live, else null. One event. */
export async function revokeSession(
  sql: Sql,
  sessionId: string,
  { userId, ...revocation }: Revocation & { userId: string | null },
): Promise<string | null> {
  const [row] = await sql<{ id: string }[]>`
    WITH ended AS (
      UPDATE sessions s SET revoked_at = now(), revoke_reason = ${revocation.reason}
      WHERE s.id = ${sessionId} AND ${isAlive(sql)} AND (${userId}::uuid IS NULL OR s.user_id = ${userId})
      RETURNING s.id, s.user_id
    ), ${toldRevoked(sql, revocation)}
    SELECT id FROM ended`
  return row?.id ?? null
}

/**
 * Ends the user's live sessions, all but one when that is given; the ids of those ended. One event each.
 * Rows are locked in the order of their ids, so that two of these at once cannot deadlock.
 */
export async function revokeSessionsOfUser(
  sql: Sql,
  userId: string,
  { exceptSessionId, ...revocation }: Revocation & { exceptSessionId: string | null },
): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    WITH live AS (
      SELECT s.id FROM sessions s
      WHERE s.user_id = ${userId} AND ${isAlive(sql)} AND (${exceptSessionId}::uuid IS NULL OR s.id <> ${exceptSessionId})
      ORDER BY s.id
      FOR UPDATE
    ), ended AS (
      UPDATE sessions s SET revoked_at = now(), revoke_reason = ${revocation.reason}
      FROM live WHERE s.id = live.id
      RETURNING s.id, s.user_id
    ), ${toldRevoked(sql, revocation)}
    SELECT id FROM ended`
  return rows.map((row) => row.id)
}

const toldRevoked = (sql: Sql, { reason, origin, actorId }: Revocation) => sql`
  told AS (INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
  SELECT 'session.revoked', 'info', user_id, coalesce(${actorId ?? null}::uuid, user_id), id,
    ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('reason', ${reason}::text)
  FROM ended)`

type SessionListRow = Omit<SessionListItem, 'createdAt' | 'lastUsedAt' | 'expiresAt' | 'isCurrent'> &
  Record<'createdAt' | 'lastUsedAt' | 'expiresAt', Date>

/** The user's live sessions, last used first; at most 500, because an answer is a buffer too. */
export async function listSessions(sql: Sql, userId: string): Promise<SessionListRow[]> {
  return sql<SessionListRow[]>`
    SELECT s.id, s.device_name, s.user_agent, host(s.ip) AS ip_address, s.created_at, s.last_used_at,
      least(s.idle_expires_at, s.absolute_expires_at) AS expires_at
    FROM sessions s
    WHERE s.user_id = ${userId} AND ${isAlive(sql)}
    ORDER BY s.last_used_at DESC, s.id
    LIMIT 500`
}
