import type { Sql } from '@latchkey/platform/database/client'

export interface StepUpCredential {
  /** Null for a user without a password. */
  passwordHash: string | null
}

/** Of the user of a session that has not ended; else null. */
export async function findStepUpCredential(
  sql: Sql,
  { sessionId, userId }: { sessionId: string; userId: string },
): Promise<StepUpCredential | null> {
  const [row] = await sql<StepUpCredential[]>`
    SELECT c.password_hash
    FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN credentials c ON c.user_id = u.id
    WHERE s.id = ${sessionId} AND u.id = ${userId} AND u.disabled_at IS NULL
      AND s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.absolute_expires_at > now()`
  return row ?? null
}

/** Whether the user has a password to step up with. */
export async function hasPassword(sql: Sql, userId: string): Promise<boolean> {
  const [row] = await sql<{ hasPassword: boolean }[]>`
    SELECT EXISTS (SELECT FROM credentials WHERE user_id = ${userId}) AS has_password`
  return row?.hasPassword === true
}
