import { securityEventTypes, type SecurityEventType } from '@latchkey/contracts/events'
import type { Sql } from '@latchkey/platform/database/client'
import type { OneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { oneTimeTokenInsert } from '@latchkey/platform/one-time-tokens/queries'
import type { RequestOrigin } from '../../request-origin.js'

/**
 * Tells of a request for a link, and stores its token where an account that may sign in has the address. Only then does the event name
 * a token, and only such an event makes a mail.
 */
export async function insertLinkRequest(
  sql: Sql,
  token: OneTimeToken,
  { eventType, email, origin }: { eventType: SecurityEventType; email: string; origin: RequestOrigin },
): Promise<void> {
  await sql`
    WITH named AS (
      SELECT id, email, disabled_at FROM users WHERE email = ${email}
    ), account AS (
      SELECT id AS user_id, email FROM named WHERE disabled_at IS NULL
    ), token AS (${oneTimeTokenInsert(sql, token)}
    )
    INSERT INTO outbox (type, severity, user_id, ip, user_agent, request_id, data)
    SELECT ${eventType}, ${securityEventTypes[eventType]}, named.id,
      ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
      CASE WHEN token.id IS NULL THEN '{}' ELSE jsonb_build_object('tokenId', token.id) END
    FROM (VALUES (1)) AS request LEFT JOIN named ON true LEFT JOIN token ON true`
}

/** Marks the user's address as proven, and tells of it when it was not. Null when the user has another one. */
export async function markProven(
  sql: Sql,
  { userId, email, origin }: { userId: string; email: string; origin: RequestOrigin },
): Promise<{ isNew: boolean; mfaEnabled: boolean } | null> {
  const [row] = await sql<{ isNew: boolean; mfaEnabled: boolean }[]>`
    WITH owner AS (
      SELECT id, email_verified_at IS NULL AS is_new, mfa_enabled FROM users
      WHERE id = ${userId} AND email = ${email}::citext
    ), proven AS (
      UPDATE users SET email_verified_at = now() FROM owner WHERE users.id = owner.id AND owner.is_new
      RETURNING users.id
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id)
      SELECT 'email.verified', ${securityEventTypes['email.verified']}, id, id,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}
      FROM proven
    )
    SELECT is_new, mfa_enabled FROM owner`
  return row ?? null
}

export async function deletePassword(sql: Sql, userId: string): Promise<void> {
  await sql`DELETE FROM credentials WHERE user_id = ${userId}`
}
