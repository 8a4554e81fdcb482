import { AppError } from '@latchkey/contracts/errors'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { DevicePass } from '../../device-pass.js'
import type { RequestOrigin } from '../../request-origin.js'
import { clearGuesses, guessAtUser, type GuessDeps } from '../guessing/guess.js'
import type { AdmittedPasswords } from '../passwords/password-hasher.js'
import { assertPresentable } from '../passwords/password-policy.js'
import { reauthenticate, type ReauthenticatedSession } from '../sessions/reauthenticate.js'
import { findStepUpCredential, type StepUpCredential } from './queries.js'

export type StepUpDeps = GuessDeps & Pick<Deps, 'passwords' | 'revocations'>

export interface PresentedPassword {
  userId: string
  sessionId: string
  password: string
  pass: DevicePass | null
  origin: RequestOrigin
}

/** Why it failed: for the event, never for the answer. */
type Failure = 'no_password' | 'wrong_password' | 'changed_meanwhile'

/**
 * Takes the password once more and makes the session's authentication one of now. A guess at it counts like one at sign-in, so that
 * a stolen access token buys no further ones.
 * @throws AppError validation_failed, overloaded, rate_limited, too_many_attempts, invalid_credentials, session_revoked.
 */
export async function stepUpByPassword(
  deps: StepUpDeps,
  request: PresentedPassword,
): Promise<ReauthenticatedSession> {
  assertPresentable(request.password, '/password')
  return deps.passwords.admit((passwords) =>
    guessAtUser(deps, request, async (guess) => {
      let outcome = await tryPassword(deps, passwords, request)
      // A parallel sign-in renewed the hash, or the password was changed, while ours was computed: what is stored now decides.
      if (outcome === 'changed_meanwhile') outcome = await tryPassword(deps, passwords, request)

      if (typeof outcome === 'string') {
        const { userId, sessionId, origin } = request
        const data = { reason: outcome, during: 'step_up' }
        await deps.events.report(newSecurityEvent('login.failed', { ...origin, userId, sessionId, data }))
        throw new AppError('invalid_credentials')
      }
      await clearGuesses(deps.sql, guess)
      return outcome
    }),
  )
}

async function tryPassword(
  deps: StepUpDeps,
  passwords: AdmittedPasswords,
  request: PresentedPassword,
): Promise<ReauthenticatedSession | Failure> {
  const { sessionId, password, origin } = request
  const { passwordHash } = await getCredential(deps, request)
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
