import type { User } from '@latchkey/contracts/http/answers'
import type { Traits } from '@latchkey/platform/traits/traits'

/** The columns of `users` that answers and access tokens are made of. */
export interface UserRow {
  id: string
  email: string
  emailVerifiedAt: Date | null
  username: string | null
  name: string | null
  userType: string | null
  roles: string[]
  traits: Record<string, unknown>
  locale: string | null
  mfaEnabled: boolean
  createdAt: Date
  lastLoginAt: Date | null
}

/** The user as its owner sees it, without traits that are private to admins. Fields are named one by one, so that a new column never leaks by itself. */
export function userAnswer(row: UserRow, rules: Pick<Traits, 'shownToUser'>): User {
  return {
    id: row.id,
    email: row.email,
    emailVerified: row.emailVerifiedAt !== null,
    username: row.username,
    name: row.name,
    userType: row.userType,
    roles: row.roles,
    traits: rules.shownToUser(row.traits),
    locale: row.locale,
    mfaEnabled: row.mfaEnabled,
    createdAt: row.createdAt.toISOString(),
    lastLoginAt: row.lastLoginAt?.toISOString() ?? null,
  }
}
