import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'
import type { Erasure } from './erase-user.js'

export interface ErasableAccount {
  mfaEnabled: boolean
  /** Null for a user without a password. */
  passwordHash: string | null
}

/** Of the user of a session that has not ended; else null. */
export async function findErasableAccount(
  sql: Sql,
  { sessionId, userId }: { sessionId: string; userId: string },
): Promise<ErasableAccount | null> {
  const [row] = await sql<ErasableAccount[]>`
    SELECT u.mfa_enabled, c.password_hash
    FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN credentials c ON c.user_id = u.id
    WHERE s.id = ${sessionId} AND u.id = ${userId} AND u.disabled_at IS NULL
      AND s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.absolute_expires_at > now()`
  return row ?? null
}

/** Whether the password is still the one that was checked; nobody else uses or changes it before the transaction ends. */
export async function lockPassword(
  sql: Sql,
  { userId, passwordHash }: { userId: string; passwordHash: string },
): Promise<boolean> {
  const rows = await sql`
    SELECT user_id FROM credentials WHERE user_id = ${userId} AND password_hash = ${passwordHash} FOR UPDATE`
  return rows.length > 0
}

/** The sessions that it ended. Null when this one had, or when a second factor was enrolled that was not given. */
export async function eraseAccountRows(
  sql: Sql,
  {
    sessionId,
    gaveSecondFactor,
    origin,
  }: { sessionId: string; gaveSecondFactor: boolean; origin: RequestOrigin },
): Promise<string[] | null> {
  const [row] = await sql<{ ended: string[] | null }[]>`
    SELECT erase_own_account(${sessionId}::uuid, ${gaveSecondFactor}, ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId})
      AS ended`
  return row?.ended ?? null
}

/** The sessions that it ended. Null when there is no such user. */
export async function eraseUserRows(
  sql: Sql,
  { userId, sessionId, origin }: Erasure,
): Promise<string[] | null> {
  const [row] = await sql<{ ended: string[] | null }[]>`
    SELECT erase_user(${sessionId}::uuid, ${userId}::uuid, ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}) AS ended`
  return row?.ended ?? null
}
