import { AppError } from '@latchkey/contracts/errors'
import type { LoginBody } from '@latchkey/contracts/http/bodies'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import type { AdmittedPasswords } from '../passwords/password-hasher.js'
import { assertPresentable } from '../passwords/password-policy.js'
import { openSession, type OpenedSession } from '../sessions/open-session.js'
import { clearGuesses, countGuess } from './account-guesses.js'
import { readLoginIdentifier } from './login-identifier.js'
import { type Account, findAccount, replaceHash } from './queries.js'

type LoginDeps = Pick<Deps, 'config' | 'events' | 'limits' | 'passwords' | 'revocations' | 'sql'>

/** Why a sign-in failed: for the event, never for the answer. */
type Failure =
  | 'unknown_account'
  | 'no_password'
  | 'wrong_password'
  | 'account_disabled'
  | 'wrong_user_type'
  | 'changed_meanwhile'

/**
 * Signs in by e-mail or username. An unknown, a disabled and a known account with a wrong password are refused alike, in the
 * answer and in time: each costs one read, one count, one hash and one event.
 * @throws AppError validation_failed, overloaded, rate_limited, invalid_credentials.
 */
export async function logIn(deps: LoginDeps, body: LoginBody, origin: RequestOrigin): Promise<OpenedSession> {
  const identifier = readLoginIdentifier(body)
  assertPresentable(body.password, '/password')
  return deps.passwords.admit(async (passwords) => {
    const account = await findAccount(deps.sql, identifier)
    const guessed = account?.userId ?? `${identifier.kind} ${identifier.value}`
    await countGuess(deps, guessed, origin)

    let outcome = await tryAccount(deps, passwords, account, body, origin)
    // A parallel sign-in renewed the hash, or the password was changed, while ours was computed: what is stored now decides.
    if (outcome === 'changed_meanwhile')
      outcome = await tryAccount(deps, passwords, await findAccount(deps.sql, identifier), body, origin)

    if (typeof outcome === 'string') {
      const fields = { ...origin, userId: account?.userId, data: { reason: outcome } }
      await deps.events.report(newSecurityEvent('login.failed', fields))
      throw new AppError('invalid_credentials')
    }
    await deps.revocations.revoke(outcome.endedSessionIds)
    await clearGuesses(deps, guessed, origin)
    return outcome
  })
}

async function tryAccount(
  deps: LoginDeps,
  passwords: AdmittedPasswords,
  account: Account | null,
  { password, deviceName, userType }: LoginBody,
  origin: RequestOrigin,
): Promise<OpenedSession | Failure> {
  const stored = account?.passwordHash ?? null
  const isRight = await (stored === null
    ? passwords.verifyAgainstNothing(password)
    : passwords.verify(stored, password))
  if (account === null) return 'unknown_account'
  if (stored === null) return 'no_password'
  if (!isRight) return 'wrong_password'
  if (account.isDisabled) return 'account_disabled'
  if (userType !== undefined && userType !== account.userType) return 'wrong_user_type'

  const { userId } = account
  let passwordHash = stored
  if (deps.passwords.needsRehash(stored, password)) {
    passwordHash = await passwords.hash(password)
    if (!(await replaceHash(deps.sql, { userId, from: stored, to: passwordHash }))) return 'changed_meanwhile'
  }
  const input = { userId, passwordHash, amr: ['pwd'], deviceName: deviceName ?? null, origin }
  return (await openSession(deps.sql, deps, input)) ?? 'changed_meanwhile'
}
