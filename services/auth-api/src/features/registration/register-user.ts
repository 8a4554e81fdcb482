import { newId } from '@latchkey/platform/crypto/identifiers'
import { newOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { fileTraits } from '@latchkey/platform/traits/queries'
import type { RegisterBody } from '@latchkey/contracts/http/bodies'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { assertGoodPassword } from '../passwords/assert-good-password.js'
import { finishFirstFactor, type SignIn } from '../mfa/finish-first-factor.js'
import { insertUser } from './queries.js'
import { readRegistration } from './read-registration.js'

type RegistrationDeps = Pick<
  Deps,
  'breachedPasswords' | 'config' | 'keyring' | 'passwords' | 'sql' | 'traits'
>

/**
 * Registers a user and opens the first session, or asks for a second factor to be set up, both or neither. The hash comes first, so that a name that is taken and one
 * that is free cost the same, and so that no transaction waits for it.
 * @throws AppError validation_failed, password_rejected, email_taken, username_taken, trait_taken, overloaded.
 */
export async function registerUser(
  deps: RegistrationDeps,
  body: RegisterBody,
  origin: RequestOrigin,
): Promise<SignIn> {
  const { password, ...user } = readRegistration(body, deps.traits)
  await assertGoodPassword(deps, { password, owner: user, path: '/password' })
  const passwordHash = await deps.passwords.admit((passwords) => passwords.hash(password))
  const userId = newId()
  const verification = newOneTimeToken(deps.keyring, 'verify_email')
  const opened = await deps.sql.begin(async (sql) => {
    await insertUser(sql, { ...user, id: userId, passwordHash }, verification, origin)
    await fileTraits(sql, userId, deps.traits.toFile(user.traits))
    const first = { userId, passwordHash, mfaEnabled: false, amr: ['pwd'], deviceName: null, origin }
    return finishFirstFactor(sql, deps, first)
  })
  if (opened === null) throw new Error('A user that was just made cannot sign in')
  return opened
}
