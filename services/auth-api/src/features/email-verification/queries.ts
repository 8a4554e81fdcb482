import { securityEventTypes } from '@latchkey/contracts/events'
import type { Sql } from '@latchkey/platform/database/client'
import type { OneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { oneTimeTokenInsert, type ConsumedToken } from '@latchkey/platform/one-time-tokens/queries'
import type { RequestOrigin } from '../../request-origin.js'

/**
 * Marks the address as proven and tells of it, once. False when it is not the user's any more. The caller has locked the user, as
 * `consumeOneTimeToken` does.
 */
export async function markVerified(
  sql: Sql,
  { userId, email }: Pick<ConsumedToken, 'userId' | 'email'>,
  origin: RequestOrigin,
): Promise<boolean> {
  const rows = await sql`
    WITH owner AS (
      SELECT id FROM users WHERE id = ${userId} AND email = ${email}::citext
    ), verified AS (
      UPDATE users SET email_verified_at = now() FROM owner
      WHERE users.id = owner.id AND users.email_verified_at IS NULL
      RETURNING users.id
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id)
      SELECT 'email.verified', ${securityEventTypes['email.verified']}, id, id,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}
      FROM verified
    )
    SELECT id FROM owner`
  return rows.length > 0
}

/** One mail answers for several registrations of an address; who did not ask for any should not get all of them. */
const maxResent = 3

/**
 * Tells of a request for a link to an address. Where an account waits for its proof a new token takes the place of the one before. Where
 * registrations wait their own links are sent again, since each brings a password of its own into force.
 */
export async function insertVerificationRequest(
  sql: Sql,
  token: OneTimeToken,
  email: string,
  origin: RequestOrigin,
): Promise<void> {
  await sql`
    WITH named AS (
      SELECT id, email, email_verified_at IS NULL AND disabled_at IS NULL AS is_open FROM users WHERE email = ${email}
    ), account AS (
      SELECT id AS user_id, email FROM named WHERE is_open
    ), token AS (${oneTimeTokenInsert(sql, token)}
    ), awaited AS (
      SELECT id, (registration->>'id')::uuid AS user_id, registration->'locale' AS locale FROM one_time_tokens
      WHERE email = ${email} AND user_id IS NULL AND expires_at > now()
      ORDER BY created_at DESC LIMIT ${maxResent}
    ), told AS (
      SELECT 'user.registration_requested' AS type, ${securityEventTypes['user.registration_requested']} AS severity,
        user_id, jsonb_build_object('tokenId', id, 'mailLocale', locale) AS data
      FROM awaited WHERE NOT EXISTS (SELECT FROM named)
      UNION ALL
      SELECT 'email.verification_requested', ${securityEventTypes['email.verification_requested']}, named.id,
        CASE WHEN token.id IS NULL THEN '{}' ELSE jsonb_build_object('tokenId', token.id) END
      FROM (VALUES (1)) AS request LEFT JOIN named ON true LEFT JOIN token ON true
      WHERE named.id IS NOT NULL OR NOT EXISTS (SELECT FROM awaited)
    )
    INSERT INTO outbox (type, severity, user_id, ip, user_agent, request_id, data)
    SELECT type, severity, user_id, ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, data FROM told`
}
