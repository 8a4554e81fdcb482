import { AppError } from '@latchkey/contracts/errors'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { clearGuesses, countGuess } from '../login/account-guesses.js'
import type { AdmittedPasswords } from '../passwords/password-hasher.js'
import { assertPresentable } from '../passwords/password-policy.js'
import { reauthenticate, type ReauthenticatedSession } from '../sessions/reauthenticate.js'
import { findStepUpCredential, type StepUpCredential } from './queries.js'

type StepUpDeps = Pick<Deps, 'config' | 'events' | 'limits' | 'passwords' | 'sql'>

export interface PresentedPassword {
  userId: string
  sessionId: string
  password: string
  origin: RequestOrigin
}

/** Why it failed: for the event, never for the answer. */
type Failure = 'no_password' | 'wrong_password' | 'changed_meanwhile'

/**
 * Takes the password once more and makes the session's authentication one of now. A guess at it counts like one at sign-in, so that
 * a stolen access token buys no further ones.
 * @throws AppError validation_failed, overloaded, rate_limited, invalid_credentials, session_revoked.
 */
export async function stepUpByPassword(
  deps: StepUpDeps,
  request: PresentedPassword,
): Promise<ReauthenticatedSession> {
  assertPresentable(request.password, '/password')
  return deps.passwords.admit(async (passwords) => {
    const { userId, sessionId, origin } = request
    const credential = await getCredential(deps, request)
    await countGuess(deps, userId, origin)

    let outcome = await tryPassword(deps, passwords, credential, request)
    // A parallel sign-in renewed the hash, or the password was changed, while ours was computed: what is stored now decides.
    if (outcome === 'changed_meanwhile')
      outcome = await tryPassword(deps, passwords, await getCredential(deps, request), request)

    if (typeof outcome === 'string') {
      const data = { reason: outcome, during: 'step_up' }
      await deps.events.report(newSecurityEvent('login.failed', { ...origin, userId, sessionId, data }))
      throw new AppError('invalid_credentials')
    }
    await clearGuesses(deps, userId, origin)
    return outcome
  })
}

async function tryPassword(
  deps: StepUpDeps,
  passwords: AdmittedPasswords,
  { passwordHash }: StepUpCredential,
  { sessionId, password, origin }: PresentedPassword,
): Promise<ReauthenticatedSession | Failure> {
  if (passwordHash === null) return 'no_password'
  if (!(await passwords.verify(passwordHash, password))) return 'wrong_password'
  return (
    (await reauthenticate(deps.sql, deps, {
      sessionId,
      passwordHash,
      amr: ['pwd'],
      method: 'pwd',
      origin,
    })) ?? 'changed_meanwhile'
  )
}

/** A session that ended since its access token was checked is no session. */
async function getCredential(deps: StepUpDeps, caller: PresentedPassword): Promise<StepUpCredential> {
  const credential = await findStepUpCredential(deps.sql, caller)
  if (credential === null) throw new AppError('session_revoked')
  return credential
}
