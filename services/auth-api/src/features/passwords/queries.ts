import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'
import type { PasswordOwner } from './own-words.js'

export interface CredentialRow extends PasswordOwner {
  /** Null for a user without a password. */
  passwordHash: string | null
}

/** Null for a user who is gone or disabled. */
export async function findCredential(sql: Sql, userId: string): Promise<CredentialRow | null> {
  const [row] = await sql<CredentialRow[]>`
    SELECT u.email, u.username, u.name, c.password_hash
    FROM users u LEFT JOIN credentials c ON c.user_id = u.id
    WHERE u.id = ${userId} AND u.disabled_at IS NULL`
  return row ?? null
}

export interface PasswordReplacement {
  userId: string
  sessionId: string
  /** The hash that the present password was checked against. */
  from: string
  to: string
  origin: RequestOrigin
}

/**
 * Locks and replaces the credential, and tells of it. Answers when that was, or null when it is no longer the one that was
 * checked. A sign-in that opens a session holds a share lock on the row, so it is over, and its session to be seen, once this returns.
 */
export async function replacePassword(
  sql: Sql,
  { origin, ...change }: PasswordReplacement,
): Promise<Date | null> {
  const [row] = await sql<{ passwordChangedAt: Date }[]>`
    WITH changed AS (
      UPDATE credentials SET password_hash = ${change.to}, password_changed_at = now()
      WHERE user_id = ${change.userId} AND password_hash = ${change.from}
      RETURNING user_id, password_changed_at
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id)
      SELECT 'password.changed', 'notice', user_id, user_id, ${change.sessionId}::uuid,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}
      FROM changed
    )
    SELECT password_changed_at FROM changed`
  return row?.passwordChangedAt ?? null
}
