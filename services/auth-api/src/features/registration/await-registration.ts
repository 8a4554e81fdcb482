import type { RegisterBody } from '@latchkey/contracts/http/bodies'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { newOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { assertGoodPassword } from '../passwords/assert-good-password.js'
import { insertAwaitedRegistration } from './awaited/queries.js'
import { readRegistration } from './read-registration.js'

type AwaitDeps = Pick<
  Deps,
  'breachedPasswords' | 'config' | 'keyring' | 'limits' | 'passwords' | 'sql' | 'traits'
>

/**
 * Registers with REQUIRE_EMAIL_VERIFICATION: there is no account until the link in the mail is followed, and whether the address has one
 * makes no difference to who asks. Its owner is told.
 * @throws AppError validation_failed, password_rejected, rate_limited, overloaded.
 */
export async function awaitRegistration(
  deps: AwaitDeps,
  body: RegisterBody,
  origin: RequestOrigin,
): Promise<void> {
  const { password, ...user } = readRegistration(body, deps.traits)
  await assertGoodPassword(deps, { password, owner: user, path: '/password' })
  const token = newOneTimeToken(deps.keyring, 'complete_registration')
  // Each of these is a mail to somebody who may not have asked for it.
  await deps.limits.consume('resetAccount', `${token.purpose} ${user.email.toLowerCase()}`, origin)
  const passwordHash = await deps.passwords.admit((passwords) => passwords.hash(password))
  await insertAwaitedRegistration(deps.sql, token, { ...user, id: newId(), passwordHash }, origin)
}
