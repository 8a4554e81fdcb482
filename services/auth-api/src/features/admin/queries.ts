import type { Sql } from '@latchkey/platform/database/client'

/** Takes the lock under which admins come and go, until the transaction ends. Raises LK003 for the last enabled one. */
export async function lockOutLastAdmin(sql: Sql, userId: string): Promise<void> {
  await sql`SELECT assert_not_last_admin(${userId}::uuid)`
}

export interface StandingRow {
  roles: string[]
  aal: number
  /** Whether the user has enrolled a second factor. */
  mfaEnabled: boolean
}

/** Of the user of a session that has not ended, as of now; else null. */
export async function findStanding(sql: Sql, sessionId: string): Promise<StandingRow | null> {
  const [row] = await sql<StandingRow[]>`
    SELECT u.roles, s.aal, u.mfa_enabled
    FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.id = ${sessionId} AND u.disabled_at IS NULL
      AND s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.absolute_expires_at > now()`
  return row ?? null
}
