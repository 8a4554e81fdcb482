import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'

export interface NewUser {
  id: string
  email: string
  passwordHash: string
  username: string | null
  name: string | null
  userType: string | null
  traits: Readonly<Record<string, unknown>>
}

/** A user, the credential and the event that tells of them. Names that are taken show as violated constraints, never before. */
export async function insertUser(sql: Sql, user: NewUser, origin: RequestOrigin): Promise<void> {
  await sql`
    WITH created AS (
      INSERT INTO users (id, email, username, name, user_type, traits)
      VALUES (${user.id}, ${user.email}, ${user.username}, ${user.name}, ${user.userType}, ${JSON.stringify(user.traits)}::text::jsonb)
      RETURNING id
    ), credential AS (
      INSERT INTO credentials (user_id, password_hash)
      SELECT id, ${user.passwordHash} FROM created
    )
    INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id)
    SELECT 'user.registered', 'info', id, id, ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId} FROM created`
}
