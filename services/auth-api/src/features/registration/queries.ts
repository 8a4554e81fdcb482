import { securityEventTypes } from '@latchkey/contracts/events'
import type { Sql } from '@latchkey/platform/database/client'
import type { OneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { oneTimeTokenInsert } from '@latchkey/platform/one-time-tokens/queries'
import type { RequestOrigin } from '../../request-origin.js'

export interface NewUser {
  id: string
  email: string
  passwordHash: string
  username: string | null
  name: string | null
  userType: string | null
  traits: Readonly<Record<string, unknown>>
  locale: string | null
}

/**
 * A user, the credential, the token of the link that proves the address, and the event that tells of them. Names that are taken show as
 * violated constraints, never before.
 */
export async function insertUser(
  sql: Sql,
  user: NewUser,
  verification: OneTimeToken,
  origin: RequestOrigin,
): Promise<void> {
  await sql`
    WITH account AS (
      INSERT INTO users (id, email, username, name, user_type, traits, locale)
      VALUES (${user.id}, ${user.email}, ${user.username}, ${user.name}, ${user.userType}, ${JSON.stringify(user.traits)}::text::jsonb, ${user.locale})
      RETURNING id AS user_id, email
    ), credential AS (
      INSERT INTO credentials (user_id, password_hash) SELECT user_id, ${user.passwordHash} FROM account
    ), token AS (${oneTimeTokenInsert(sql, verification)}
    )
    INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id, data)
    SELECT 'user.registered', ${securityEventTypes['user.registered']}, user_id, user_id,
      ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('tokenId', id)
    FROM token`
}
