import { AppError } from '@latchkey/contracts/errors'
import type { LoginBody } from '@latchkey/contracts/http/bodies'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { DevicePass } from '../../device-pass.js'
import type { RequestOrigin } from '../../request-origin.js'
import { type Guess, guessAt, type GuessDeps } from '../guessing/guess.js'
import { finishFirstFactor, type SignIn } from '../mfa/finish-first-factor.js'
import type { AdmittedPasswords } from '../passwords/password-hasher.js'
import { assertPresentable } from '../passwords/password-policy.js'
import { readLoginIdentifier } from './login-identifier.js'
import { type Account, findAccount, replaceHash } from './queries.js'
import { targetMark } from './target-mark.js'

type LoginDeps = GuessDeps & Pick<Deps, 'passwords' | 'revocations'>

/** Where a sign-in comes from, and how it says that its device is one of the user's. */
export interface SignInOrigin {
  origin: RequestOrigin
  pass: DevicePass | null
  /** By which the device may be spared the second factor; unchecked. */
  rememberToken: string | null
}

/** Why a sign-in failed: for the event, never for the answer. */
type Failure =
  | 'unknown_account'
  | 'no_password'
  | 'wrong_password'
  | 'account_disabled'
  | 'more_than_password_required'
  | 'address_unproven'
  | 'wrong_user_type'
  | 'changed_meanwhile'

/**
 * Signs in by e-mail or username, or asks for the second factor of a user who has one, or must have. An unknown, a disabled and a known account
 * with a wrong password are refused alike, in the answer and in time: each costs one read, one count, one hash and one event.
 * @throws AppError validation_failed, overloaded, rate_limited, too_many_attempts, invalid_credentials.
 */
export async function logIn(
  deps: LoginDeps,
  body: LoginBody,
  { origin, pass, rememberToken }: SignInOrigin,
): Promise<SignIn> {
  const identifier = readLoginIdentifier(body)
  assertPresentable(body.password, '/password')
  return deps.passwords.admit(async (passwords) => {
    const account = await findAccount(deps.sql, identifier)
    const target = { user: account, name: `${identifier.kind} ${identifier.value}`, pass }
    return guessAt(deps, target, origin, async (guess) => {
      const attempt = { ...body, rememberToken, guess, origin }
      let outcome = await tryAccount(deps, passwords, account, attempt)
      // A parallel sign-in renewed the hash, or the password was changed, while ours was computed: what is stored now decides.
      if (outcome === 'changed_meanwhile')
        outcome = await tryAccount(deps, passwords, await findAccount(deps.sql, identifier), attempt)

      if (typeof outcome === 'string') {
        // Made for each, so that a name that nobody has takes no longer.
        const mark = { target: targetMark(guess.subject) }
        const data = { reason: outcome, ...(account === null && mark) }
        await deps.events.report(newSecurityEvent('login.failed', { ...origin, userId: account?.id, data }))
        throw new AppError('invalid_credentials')
      }
      if (outcome.kind === 'session') await deps.revocations.revoke(outcome.session.endedSessionIds)
      else await guess.handBack()
      return outcome
    })
  })
}

interface Attempt extends Omit<LoginBody, 'rememberToken'> {
  rememberToken: string | null
  guess: Guess
  origin: RequestOrigin
}

async function tryAccount(
  deps: LoginDeps,
  passwords: AdmittedPasswords,
  account: Account | null,
  { password, deviceName, userType, rememberToken, guess, origin }: Attempt,
): Promise<SignIn | Failure> {
  const stored = account?.passwordHash ?? null
  const isRight = await (stored === null
    ? passwords.verifyAgainstNothing(password)
    : passwords.verify(stored, password))
  if (account === null) return 'unknown_account'
  if (stored === null) return 'no_password'
  if (!isRight) return 'wrong_password'
  if (account.isDisabled) return 'account_disabled'
  if (account.isPasswordDoubted) return 'more_than_password_required'
  if (deps.config.requireEmailVerification && !account.isAddressProven) return 'address_unproven'
  if (userType !== undefined && userType !== account.userType) return 'wrong_user_type'

  const { id: userId, mfaEnabled } = account
  let passwordHash = stored
  if (deps.passwords.needsRehash(stored, password)) {
    passwordHash = await passwords.hash(password)
    if (!(await replaceHash(deps.sql, { userId, from: stored, to: passwordHash }))) return 'changed_meanwhile'
  }
  const first = {
    userId,
    passwordHash,
    mfaEnabled,
    amr: ['pwd'],
    deviceName: deviceName ?? null,
    rememberToken,
    guess,
    origin,
  }
  return (await finishFirstFactor(deps.sql, deps, first)) ?? 'changed_meanwhile'
}
