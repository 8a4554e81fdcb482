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

export interface StepUpFactors {
  hasPassword: boolean
  /** Accounts at providers. */
  hasIdentities: boolean
  hasTotp: boolean
  hasPasskeys: boolean
  hasRecoveryCodes: boolean
}

export async function findStepUpFactors(sql: Sql, userId: string): Promise<StepUpFactors | null> {
  const [row] = await sql<StepUpFactors[]>`
    SELECT
      EXISTS (SELECT FROM credentials WHERE user_id = u.id) AS has_password,
      EXISTS (SELECT FROM identities WHERE user_id = u.id) AS has_identities,
      u.mfa_enabled AS has_totp,
      EXISTS (SELECT FROM passkeys WHERE user_id = u.id AND disabled_at IS NULL) AS has_passkeys,
      EXISTS (SELECT FROM recovery_codes WHERE user_id = u.id) AS has_recovery_codes
    FROM users u WHERE u.id = ${userId}`
  return row ?? null
}
