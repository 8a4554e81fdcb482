import { securityEventTypes } from '@latchkey/contracts/events'
import type { Sql } from '@latchkey/platform/database/client'
import type { OneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { oneTimeTokenInsert } from '@latchkey/platform/one-time-tokens/queries'
import type { RequestOrigin } from '../../request-origin.js'

/** Null for a user who is gone or disabled. */
export async function findAddressOwner(
  sql: Sql,
  userId: string,
): Promise<{ email: string; passwordHash: string | null } | null> {
  const [row] = await sql<{ email: string; passwordHash: string | null }[]>`
    SELECT u.email::text, c.password_hash
    FROM users u LEFT JOIN credentials c ON c.user_id = u.id
    WHERE u.id = ${userId} AND u.disabled_at IS NULL`
  return row ?? null
}

export interface ChangeRequest {
  userId: string
  sessionId: string
  /** The hash that the presented password was checked against. */
  passwordHash: string
  newEmail: string
  origin: RequestOrigin
}

/**
 * Stores the token of the link to a new address and tells of it; the link is sent unless another account has the address. False when
 * the password is no longer the one that was checked: the share lock makes a change of it wait, which then ends the link.
 */
export async function insertChangeRequest(
  sql: Sql,
  token: OneTimeToken,
  { userId, sessionId, passwordHash, newEmail, origin }: ChangeRequest,
): Promise<boolean> {
  const rows = await sql`
    WITH credential AS (
      SELECT user_id FROM credentials WHERE user_id = ${userId} AND password_hash = ${passwordHash} FOR SHARE
    ), account AS (
      SELECT u.id AS user_id, ${newEmail}::citext AS email
      FROM users u JOIN credential ON credential.user_id = u.id
      WHERE u.disabled_at IS NULL
    ), token AS (${oneTimeTokenInsert(sql, token)}
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
      SELECT 'email.change_requested', ${securityEventTypes['email.change_requested']}, token.user_id, token.user_id,
        ${sessionId}::uuid, ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
        CASE WHEN EXISTS (SELECT FROM users WHERE email = ${newEmail}) THEN '{}' ELSE jsonb_build_object('tokenId', token.id) END
      FROM token
    )
    SELECT id FROM token`
  return rows.length > 0
}

/**
 * Replaces the address by one that was proven, and tells of it. A former address that was proven too gets a link that undoes this; one
 * that was not may be a stranger's, who must not get hold of the account. The caller has locked the user.
 */
export async function replaceAddress(
  sql: Sql,
  undo: OneTimeToken,
  { userId, newEmail, origin }: { userId: string; newEmail: string; origin: RequestOrigin },
): Promise<void> {
  await sql`
    WITH former AS (
      SELECT id, email, email_verified_at IS NOT NULL AS was_proven FROM users WHERE id = ${userId}
    ), owner AS (
      UPDATE users SET email = ${newEmail}, email_verified_at = now(), updated_at = now() FROM former
      WHERE users.id = former.id
      RETURNING users.id
    ), account AS (
      SELECT former.id AS user_id, former.email FROM former JOIN owner ON owner.id = former.id WHERE former.was_proven
    ), token AS (${oneTimeTokenInsert(sql, undo)}
    )
    INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id, data)
    SELECT 'email.changed', ${securityEventTypes['email.changed']}, owner.id, owner.id,
      ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
      CASE WHEN token.id IS NULL THEN '{}' ELSE jsonb_build_object('tokenId', token.id) END
    FROM owner LEFT JOIN token ON true`
}

/** Puts a former address back, ends the password, and tells of it with a link to a new one. The caller has locked credential and user. */
export async function restoreAddress(
  sql: Sql,
  reset: OneTimeToken,
  { userId, email, origin }: { userId: string; email: string; origin: RequestOrigin },
): Promise<void> {
  await sql`
    WITH account AS (
      UPDATE users SET email = ${email}, email_verified_at = now(), updated_at = now() WHERE id = ${userId}
      RETURNING id AS user_id, email
    ), credential AS (
      DELETE FROM credentials WHERE user_id = ${userId}
    ), token AS (${oneTimeTokenInsert(sql, reset)}
    )
    INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id, data)
    SELECT 'email.change_undone', ${securityEventTypes['email.change_undone']}, user_id, user_id,
      ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('tokenId', id)
    FROM token`
}
