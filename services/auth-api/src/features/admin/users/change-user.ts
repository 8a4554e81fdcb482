import { AppError } from '@latchkey/contracts/errors'
import type { AdminUser, ChangeUserBody } from '@latchkey/contracts/http/admin'
import type { Sql } from '@latchkey/platform/database/client'
import { fileTraits } from '@latchkey/platform/traits/queries'
import type { Deps } from '../../../deps.js'
import { clearLockout } from '../../guessing/clear-lockout.js'
import { trustPasswordAgain } from '../../mfa/trust-password-again.js'
import { readTraits } from '../../profile/read-traits.js'
import { revokeSessions } from '../../sessions/revoke-sessions.js'
import { actAsAdmin, type ActingAdmin } from '../acting-admin.js'
import {
  changeRoles,
  changeStatus,
  changeVerified,
  type LockedUserRow,
  lockUser,
  updateProfile,
} from './queries.js'
import { readUser } from './read-user.js'

type ChangeDeps = Pick<Deps, 'keyring' | 'revocations' | 'sql' | 'traits'>

/**
 * Changes what the body names, all of it or nothing. Who is disabled, or loses a role, is signed out everywhere before this
 * returns, so that no token tells of what is no longer so. A role that is gained ends nothing: the next access token has it.
 * @throws AppError not_found, validation_failed, username_taken, trait_taken, forbidden (their own roles and status).
 */
export async function changeUser(
  deps: ChangeDeps,
  admin: ActingAdmin,
  userId: string,
  body: ChangeUserBody,
): Promise<AdminUser> {
  const { roles, status, emailVerified, unlock } = body
  const ended = await actAsAdmin(deps, admin, async (sql) => {
    const user = await lockUser(sql, userId)
    if (user === null) throw new AppError('not_found')
    await changeProfile(sql, deps, user, body)
    if (emailVerified !== undefined) await changeVerified(sql, admin, userId, emailVerified)
    if (unlock === true) {
      await clearLockout(sql, deps, userId)
      await trustPasswordAgain(sql, userId)
    }
    const hasLostRoles = roles !== undefined && (await changeRoles(sql, admin, userId, roles))
    if (status !== undefined) await changeStatus(sql, admin, userId, status === 'enabled')

    const reason = status === 'disabled' ? 'account_disabled' : hasLostRoles ? 'roles_changed' : null
    const revocation = { userId, exceptSessionId: null, origin: admin.origin, actorId: admin.userId }
    const result = reason === null ? [] : await revokeSessions(sql, { ...revocation, reason })
    const act = { action: 'user.changed', userId, data: { fields: Object.keys(body) } }
    return { act, result }
  })
  await deps.revocations.revoke(ended)
  return readUser(deps, userId)
}

async function changeProfile(
  sql: Sql,
  { traits: rules }: Pick<Deps, 'traits'>,
  { id, userType, traits: stored }: LockedUserRow,
  { name, username, traits: given }: ChangeUserBody,
): Promise<void> {
  if (name === undefined && username === undefined && given === undefined) return
  const traits =
    given === undefined ? undefined : readTraits(rules, given, { author: 'admin', userType, stored })
  await updateProfile(sql, id, { name, username: username?.toLowerCase() ?? username, traits })
  if (traits !== undefined) await fileTraits(sql, id, rules.toFile(traits))
}
