import type { AdminUser } from '@latchkey/contracts/http/admin'
import type { AdminUserRow } from './queries.js'

/** The user as admins see them. Fields are named one by one, so that a new column never leaks by itself. */
export function adminUserAnswer(row: AdminUserRow): AdminUser {
  return {
    id: row.id,
    email: row.email,
    emailVerified: row.emailVerifiedAt !== null,
    username: row.username,
    name: row.name,
    userType: row.userType,
    roles: row.roles,
    traits: row.traits,
    locale: row.locale,
    mfaEnabled: row.mfaEnabled,
    createdAt: row.createdAt.toISOString(),
    lastLoginAt: row.lastLoginAt?.toISOString() ?? null,
    status: row.disabledAt === null ? 'enabled' : 'disabled',
    disabledAt: row.disabledAt?.toISOString() ?? null,
    hasPassword: row.hasPassword,
    updatedAt: row.updatedAt.toISOString(),
  }
}
