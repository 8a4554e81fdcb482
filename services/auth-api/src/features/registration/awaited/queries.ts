import { securityEventTypes } from '@latchkey/contracts/events'
import { oneTimePurposes } from '@latchkey/contracts/one-time-tokens'
import type { Sql } from '@latchkey/platform/database/client'
import type { OneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import type { RequestOrigin } from '../../../request-origin.js'
import type { NewUser } from '../queries.js'

/**
 * Keeps a registration until its link is followed, and tells of it. For an address that has an account the link is never sent and would
 * make no second one; its row is written all the same, so that no time tells, and another event, from which the owner's mail follows.
 */
export async function insertAwaitedRegistration(
  sql: Sql,
  { id, hash, purpose }: OneTimeToken,
  { email, ...user }: NewUser,
  origin: RequestOrigin,
): Promise<void> {
  await sql`
    WITH awaited AS (
      INSERT INTO one_time_tokens (id, token_hash, purpose, email, expires_at, registration)
      VALUES (${id}::uuid, ${hash}::bytea, ${purpose}, ${email},
        now() + make_interval(secs => ${oneTimePurposes[purpose].ttlSeconds}), ${JSON.stringify(user)}::text::jsonb)
    ), told AS (
      SELECT 'user.registration_repeated' AS type, ${securityEventTypes['user.registration_repeated']} AS severity,
        id AS user_id, '{}'::jsonb AS data
      FROM users WHERE email = ${email}
      UNION ALL
      SELECT 'user.registration_requested', ${securityEventTypes['user.registration_requested']},
        ${user.id}::uuid, jsonb_build_object('tokenId', ${id}::uuid, 'mailLocale', ${user.locale}::text)
      WHERE NOT EXISTS (SELECT FROM users WHERE email = ${email})
    )
    INSERT INTO outbox (type, severity, user_id, ip, user_agent, request_id, data)
    SELECT type, severity, user_id, ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, data FROM told`
}

/** Takes a registration that waits, once; null for one that was completed or has expired. */
export async function takeAwaitedRegistration(
  sql: Sql,
  { id, hash, purpose }: OneTimeToken,
): Promise<NewUser | null> {
  const [row] = await sql<{ email: string; registration: Omit<NewUser, 'email'> }[]>`
    DELETE FROM one_time_tokens
    WHERE id = ${id} AND token_hash = ${hash} AND purpose = ${purpose} AND expires_at > now()
    RETURNING email::text, registration`
  return row === undefined ? null : { ...row.registration, email: row.email }
}

/**
 * The user of a registration that was completed. A username that somebody took meanwhile is left out: who registers is not told
 * which ones are taken, and may choose another one once signed in.
 */
export async function insertVerifiedUser(sql: Sql, user: NewUser, origin: RequestOrigin): Promise<void> {
  await sql`
    WITH created AS (
      INSERT INTO users (id, email, email_verified_at, username, name, user_type, traits, locale)
      SELECT ${user.id}, ${user.email}, now(),
        CASE WHEN NOT EXISTS (SELECT FROM users WHERE username = ${user.username}) THEN ${user.username}::text END,
        ${user.name}, ${user.userType}, ${JSON.stringify(user.traits)}::text::jsonb, ${user.locale}
      RETURNING id
    ), credential AS (
      INSERT INTO credentials (user_id, password_hash) SELECT id, ${user.passwordHash} FROM created
    )
    INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id)
    SELECT event.type, event.severity, created.id, created.id, ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}
    FROM created, (VALUES
      ('user.registered', ${securityEventTypes['user.registered']}),
      ('email.verified', ${securityEventTypes['email.verified']})) AS event (type, severity)`
}
