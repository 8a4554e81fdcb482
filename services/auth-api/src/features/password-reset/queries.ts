import type { Sql } from '@latchkey/platform/database/client'
import type { OneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import type { RequestOrigin } from '../../request-origin.js'
import type { PasswordOwner } from '../passwords/own-words.js'

/** Whom a link that is good by now is for; else null. */
export async function findLinkOwner(
  sql: Sql,
  { purpose, id, hash }: OneTimeToken,
): Promise<PasswordOwner | null> {
  const [row] = await sql<PasswordOwner[]>`
    SELECT u.email::text, u.username, u.name
    FROM one_time_tokens t JOIN users u ON u.id = t.user_id
    WHERE t.id = ${id} AND t.token_hash = ${hash} AND t.purpose = ${purpose} AND t.expires_at > now()
      AND u.disabled_at IS NULL`
  return row ?? null
}

export interface NewPassword {
  userId: string
  /** Where the link was sent. */
  email: string
  passwordHash: string
  origin: RequestOrigin
}

/**
 * Sets the password, of a user without one too, and tells of it; who got the link reads the mail of this address, so it counts as
 * verified. False when it is not the user's any more. The caller has locked credential and user, as `consumeOneTimeToken` does.
 */
export async function setPassword(
  sql: Sql,
  { userId, email, passwordHash, origin }: NewPassword,
): Promise<boolean> {
  const rows = await sql`
    WITH before AS (
      SELECT id, email_verified_at IS NULL AS is_news FROM users WHERE id = ${userId} AND email = ${email}::citext
    ), owner AS (
      UPDATE users SET email_verified_at = coalesce(email_verified_at, now()) FROM before WHERE users.id = before.id
      RETURNING users.id, before.is_news
    ), credential AS (
      INSERT INTO credentials (user_id, password_hash) SELECT id, ${passwordHash} FROM owner
      ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash, password_changed_at = now()
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id)
      SELECT type, severity, owner.id, owner.id, ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}
      FROM owner, (VALUES ('password.reset', 'notice', true), ('email.verified', 'info', false)) AS event (type, severity, is_always)
      WHERE is_always OR owner.is_news
    )
    SELECT id FROM owner`
  return rows.length > 0
}
