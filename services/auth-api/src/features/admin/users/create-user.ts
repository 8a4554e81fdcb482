import { AppError, type FieldError } from '@latchkey/contracts/errors'
import type { AdminUser, CreateUserBody } from '@latchkey/contracts/http/admin'
import { normaliseEmail } from '@latchkey/platform/accounts/normalise-email'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { issueOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-tokens'
import { fileTraits } from '@latchkey/platform/traits/queries'
import type { Traits } from '@latchkey/platform/traits/traits'
import type { Deps } from '../../../deps.js'
import { assertGoodPassword } from '../../passwords/assert-good-password.js'
import { actAsAdmin, type ActingAdmin } from '../acting-admin.js'
import {
  changeRoles,
  changeVerified,
  insertCredential,
  insertUser,
  insertUserEvent,
  type NewUser,
} from './queries.js'
import { readUser } from './read-user.js'

type CreateDeps = Pick<Deps, 'breachedPasswords' | 'config' | 'keyring' | 'passwords' | 'sql' | 'traits'>

/**
 * Makes a user. Without a password the owner of the address is invited by mail to choose one, so that nobody else knows it, and which
 * proves the address too. With one, the address is asked for as after any registration, unless the admin vouches for it.
 * @throws AppError validation_failed, password_rejected, email_taken, username_taken, trait_taken, forbidden, overloaded.
 */
export async function createUser(
  deps: CreateDeps,
  admin: ActingAdmin,
  body: CreateUserBody,
): Promise<AdminUser> {
  const user = readNewUser(body, deps.traits)
  const { id: userId, email } = user
  const passwordHash = await hashNewPassword(deps, body.password, user)
  const isVerified = body.emailVerified === true

  await actAsAdmin(deps, admin, async (sql) => {
    const issue = (purpose: 'verify_email' | 'reset_password') =>
      issueOneTimeToken(sql, deps, { purpose, userId, email })
    await insertUser(sql, user)
    await fileTraits(sql, userId, deps.traits.toFile(user.traits))
    const isAsked = passwordHash !== null && !isVerified
    const tokenId = isAsked ? await issue('verify_email') : null
    await insertUserEvent(sql, admin, { type: 'user.registered', userId, tokenId })
    if (passwordHash === null) {
      const invitation = await issue('reset_password')
      await insertUserEvent(sql, admin, { type: 'user.invited', userId, tokenId: invitation })
    } else await insertCredential(sql, userId, passwordHash)
    if (isVerified) await changeVerified(sql, admin, userId, true)
    if (body.roles !== undefined) await changeRoles(sql, admin, userId, body.roles)
    const fields = Object.keys(body)
    return { act: { action: 'user.created', userId, data: { fields } }, result: null }
  })
  return readUser(deps, userId)
}

function readNewUser(body: CreateUserBody, rules: Traits): NewUser {
  const email = normaliseEmail(body.email)
  const userType = body.userType ?? null
  const checked = rules.checkNew(body.traits ?? {}, { author: 'admin', userType })
  const errors: FieldError[] = [...(checked.errors ?? [])]
  if (email === null) errors.unshift({ path: '/email', message: 'is not an e-mail address' })
  if (email === null || checked.errors !== null || errors.length > 0)
    throw new AppError('validation_failed', undefined, { errors })
  return {
    id: newId(),
    email,
    username: body.username?.toLowerCase() ?? null,
    name: body.name ?? null,
    userType,
    traits: checked.traits,
  }
}

/** Before the transaction, which holds a lock that all admins need. */
async function hashNewPassword(
  deps: CreateDeps,
  password: string | undefined,
  owner: NewUser,
): Promise<string | null> {
  if (password === undefined) return null
  await assertGoodPassword(deps, { password, owner, path: '/password' })
  return deps.passwords.admit((passwords) => passwords.hash(password))
}
