import type { Sql, SqlFragment } from '@latchkey/platform/database/client'
import { fixedStatement } from '@latchkey/platform/database/fixed-statement'
import type { GuessedUser } from '../guessing/guess-subjects.js'
import type { LoginIdentifier } from './login-identifier.js'

export interface Account extends GuessedUser {
  isDisabled: boolean
  isAddressProven: boolean
  userType: string | null
  /** Null for a user without a password. */
  passwordHash: string | null
  mfaEnabled: boolean
  /** Whether an alert asks for more than the password, and there is nothing more: see docs/alerts.md. */
  isPasswordDoubted: boolean
}

const account = (isNamed: (sql: Sql, identifier: LoginIdentifier) => SqlFragment) =>
  fixedStatement<LoginIdentifier, Account>(
    (sql, identifier) => sql`
      SELECT
        u.id, u.email, u.disabled_at IS NOT NULL AS is_disabled, u.email_verified_at IS NOT NULL AS is_address_proven,
        u.user_type, u.mfa_enabled, c.password_hash, c.password_changed_at,
        u.mfa_required_at IS NOT NULL AND NOT u.mfa_enabled
          AND NOT EXISTS (SELECT FROM passkeys p WHERE p.user_id = u.id AND p.disabled_at IS NULL) AS is_password_doubted
      FROM users u LEFT JOIN credentials c ON c.user_id = u.id
      WHERE ${isNamed(sql, identifier)}`,
  )
const accountBy = {
  email: account((sql, { value }) => sql`u.email = ${value}`),
  username: account((sql, { value }) => sql`u.username = ${value}`),
}

export async function findAccount(sql: Sql, identifier: LoginIdentifier): Promise<Account | null> {
  const [row] = await sql.run(accountBy[identifier.kind], identifier)
  return row ?? null
}

/** The same password, hashed anew. False when another sign-in or a change of password was first. */
export async function replaceHash(
  sql: Sql,
  { userId, from, to }: { userId: string; from: string; to: string },
): Promise<boolean> {
  const { count } = await sql`
    UPDATE credentials SET password_hash = ${to} WHERE user_id = ${userId} AND password_hash = ${from}`
  return count === 1
}
