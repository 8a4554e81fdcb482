import { securityEventTypes } from '@latchkey/contracts/events'
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
  passwordHash: string
  origin: RequestOrigin
}

/** Of a user without a password too. The caller has locked credential and user, as `consumeOneTimeToken` does. */
export async function setPassword(sql: Sql, { userId, passwordHash, origin }: NewPassword): Promise<void> {
  await sql`
    WITH credential AS (
      INSERT INTO credentials (user_id, password_hash) VALUES (${userId}, ${passwordHash})
      ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash, password_changed_at = now()
      RETURNING user_id
    )
    INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id)
    SELECT 'password.reset', ${securityEventTypes['password.reset']}, user_id, user_id,
      ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}
    FROM credential`
}
