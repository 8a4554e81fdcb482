import type { SessionListItem } from '@latchkey/contracts/http/answers'
import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'
import type { UserRow } from '../profile/user-answer.js'
import type { Lifetimes } from './lifetimes.js'

/** A live session with its user: what a session answer and an access token are made of. */
export interface LiveSessionRow extends UserRow {
  sessionId: string
  generation: bigint
  aal: number
  amr: string[]
  authenticatedAt: Date
  /** Seconds until the session ends unless it is refreshed. */
  refreshExpiresIn: number
}

// The columns are spelled out in one place and set into statements as a fragment, which postgres.js caches with them.
export const liveSession = (sql: Sql, lifetimes: Lifetimes) => sql`
  s.id AS session_id, s.generation, s.aal, s.amr, s.authenticated_at,
  floor(extract(epoch FROM ${endsAt(sql, lifetimes)} - now()))::int AS refresh_expires_in,
  u.id, u.email, u.email_verified_at, u.username, u.name, u.user_type, u.roles, u.traits, u.locale, u.mfa_enabled,
  u.created_at, u.last_login_at`

/** `seconds`, and no more than `adminSeconds` for a user whose session could change what others may do or see. */
export const lifeOf = (sql: Sql, seconds: number, adminSeconds: number) => sql`
  make_interval(secs => least(${seconds}::float8, CASE WHEN ${isPrivileged(sql)} THEN ${adminSeconds}::float8 END))`

const isPrivileged = (sql: Sql) => sql`u.roles && '{admin,auditor}'`

/**
 * When the session ends unless it is refreshed: the earliest of idle and absolute expiry and, for a user who is privileged now,
 * the admin bound. That one is computed, so that a role that is granted later bounds the sessions that are open by then.
 */
export const endsAt = (sql: Sql, { adminSessionMaxAgeSeconds }: Lifetimes) => sql`
  least(s.idle_expires_at, s.absolute_expires_at, CASE WHEN ${isPrivileged(sql)}
    THEN s.authenticated_at + make_interval(secs => ${adminSessionMaxAgeSeconds}) END)`

/** Of a session with its user. */
export const isAlive = (sql: Sql, lifetimes: Lifetimes) =>
  sql`s.revoked_at IS NULL AND ${endsAt(sql, lifetimes)} > now() AND u.disabled_at IS NULL`

/** Of a session that is to be ended: what its user may do does not matter then. */
export const canEnd = (sql: Sql) =>
  sql`s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.absolute_expires_at > now()`

export interface Revocation {
  reason:
    | 'logout'
    | 'logout_all'
    | 'user_revoked'
    | 'password_changed'
    | 'password_reset'
    | 'mfa_changed'
    | 'address_proven'
    | 'passkey_cloned'
    | 'email_change_undone'
    | 'session_limit'
    | 'client_revoked'
    | 'admin_revoked'
    | 'account_disabled'
    | 'roles_changed'
  origin: RequestOrigin
  /** Who did it, when it was not the user: an admin or a service client. */
  actorId?: string
}

/** Ends one session, of `userId` only when that is given; whose it was when it was live, else null. One event. */
export async function revokeSession(
  sql: Sql,
  sessionId: string,
  { userId, ...revocation }: Revocation & { userId: string | null },
): Promise<string | null> {
  const [row] = await sql<{ userId: string }[]>`
    WITH ended AS (
      UPDATE sessions s SET revoked_at = now(), revoke_reason = ${revocation.reason}
      WHERE s.id = ${sessionId} AND ${canEnd(sql)} AND (${userId}::uuid IS NULL OR s.user_id = ${userId})
      RETURNING s.id, s.user_id
    ), told AS (${revocationEvents(sql, revocation)})
    SELECT user_id FROM ended`
  return row?.userId ?? null
}

/**
 * Ends the user's live sessions, all but one when that is given; the ids of those ended. One event each. Sign-ins that wait for a
 * second factor, or that were begun elsewhere, are over, too, and no device is remembered any more: what ends sessions is done because somebody may have one who
 * should not. Rows are locked in the order of their ids, after those others, so that neither two of these at once nor a sign-in can deadlock.
 */
export async function revokeSessionsOfUser(
  sql: Sql,
  userId: string,
  { exceptSessionId, ...revocation }: Revocation & { exceptSessionId: string | null },
): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    WITH half_open AS (
      DELETE FROM sign_in_challenges WHERE user_id = ${userId} RETURNING user_id
    ), elsewhere AS (
      DELETE FROM federation_steps WHERE user_id = ${userId}
    ), forgotten AS (
      DELETE FROM remembered_devices WHERE user_id = ${userId} RETURNING user_id
    ), live AS (
      SELECT s.id FROM sessions s
      WHERE s.user_id = ${userId} AND ${canEnd(sql)} AND (${exceptSessionId}::uuid IS NULL OR s.id <> ${exceptSessionId})
        AND (SELECT count(*) FROM half_open) >= 0 AND (SELECT count(*) FROM forgotten) >= 0
      ORDER BY s.id
      FOR UPDATE
    ), told_forgotten AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id, data)
      SELECT 'device.forgotten', 'info', user_id, coalesce(${revocation.actorId ?? null}::uuid, user_id),
        ${revocation.origin.ip}::inet, ${revocation.origin.userAgent}, ${revocation.origin.requestId},
        jsonb_build_object('reason', ${revocation.reason}::text, 'devices', count(*))
      FROM forgotten GROUP BY user_id
    ), ended AS (
      UPDATE sessions s SET revoked_at = now(), revoke_reason = ${revocation.reason}
      FROM live WHERE s.id = live.id
      RETURNING s.id, s.user_id
    ), told AS (${revocationEvents(sql, revocation)})
    SELECT id FROM ended`
  return rows.map((row) => row.id)
}

/** One event for each row of `ended`, a session's `id` and `user_id`. */
export const revocationEvents = (sql: Sql, { reason, origin, actorId }: Revocation) => sql`
  INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
  SELECT 'session.revoked', 'info', user_id, coalesce(${actorId ?? null}::uuid, user_id), id,
    ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('reason', ${reason}::text)
  FROM ended`

type SessionListRow = Omit<SessionListItem, 'createdAt' | 'lastUsedAt' | 'expiresAt' | 'isCurrent'> &
  Record<'createdAt' | 'lastUsedAt' | 'expiresAt', Date>

/** The user's live sessions, last used first; at most 500, because an answer is a buffer too. */
export async function listSessions(
  sql: Sql,
  userId: string,
  lifetimes: Lifetimes,
): Promise<SessionListRow[]> {
  return sql<SessionListRow[]>`
    SELECT s.id, s.device_name, s.user_agent, host(s.ip) AS ip_address, s.created_at, s.last_used_at,
      ${endsAt(sql, lifetimes)} AS expires_at
    FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.user_id = ${userId} AND ${isAlive(sql, lifetimes)}
    ORDER BY s.last_used_at DESC, s.id
    LIMIT 500`
}
