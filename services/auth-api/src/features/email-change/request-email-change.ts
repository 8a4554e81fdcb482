import { AppError } from '@latchkey/contracts/errors'
import type { ChangeEmailBody } from '@latchkey/contracts/http/bodies'
import { normaliseEmail } from '@latchkey/platform/accounts/normalise-email'
import { newOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { DevicePass } from '../../device-pass.js'
import type { RequestOrigin } from '../../request-origin.js'
import { clearGuesses, type Guess, guessAtUser, type GuessDeps } from '../guessing/guess.js'
import type { AdmittedPasswords } from '../passwords/password-hasher.js'
import { assertPresentable } from '../passwords/password-policy.js'
import { findAddressOwner, insertChangeRequest } from './queries.js'

type RequestDeps = GuessDeps & Pick<Deps, 'passwords'>

export interface EmailChangeRequest extends ChangeEmailBody {
  userId: string
  sessionId: string
  pass: DevicePass | null
  origin: RequestOrigin
}

/** Why a request failed: for the event, never for the answer. */
type Failure = 'no_password' | 'wrong_password' | 'changed_meanwhile'

/**
 * Asks for another address: both are told, and nothing changes before the link to the new one is followed. Another account that has it
 * makes no difference but that its owner gets no mail.
 * @throws AppError validation_failed, overloaded, rate_limited, too_many_attempts, invalid_credentials, session_revoked.
 */
export async function requestEmailChange(deps: RequestDeps, request: EmailChangeRequest): Promise<void> {
  const { userId, sessionId, origin } = request
  const newEmail = normaliseEmail(request.newEmail)
  if (newEmail === null) throw invalid('is not an e-mail address')
  assertPresentable(request.password, '/password')
  const wanted = { ...request, newEmail }
  const owner = await getOwner(deps, userId)
  if (owner.email.toLowerCase() === newEmail.toLowerCase()) throw invalid('is the one you have now')

  await deps.passwords.admit(async (passwords) => {
    // Before the password is looked at, so that a limit is no wrong guess. Each of these is a mail to a stranger, perhaps.
    for (const key of [userId, newEmail.toLowerCase()])
      await deps.limits.consume('resetAccount', `change_email ${key}`, origin)
    await guessAtUser(deps, request, async (guess) => {
      let outcome = await tryRequest(deps, passwords, guess, wanted)
      // A parallel sign-in renewed the hash, or the password was changed, while ours was computed: what is stored now decides.
      if (outcome === 'changed_meanwhile') outcome = await tryRequest(deps, passwords, guess, wanted)
      if (outcome === 'requested') return
      const data = { reason: outcome, during: 'email_change' }
      await deps.events.report(newSecurityEvent('login.failed', { ...origin, userId, sessionId, data }))
      throw new AppError('invalid_credentials')
    })
  })
}

async function tryRequest(
  deps: RequestDeps,
  passwords: AdmittedPasswords,
  guess: Guess,
  { userId, sessionId, password, newEmail, origin }: EmailChangeRequest,
): Promise<'requested' | Failure> {
  const { passwordHash } = await getOwner(deps, userId)
  if (passwordHash === null) return 'no_password'
  if (!(await passwords.verify(passwordHash, password))) return 'wrong_password'
  const token = newOneTimeToken(deps.keyring, 'change_email')
  const change = { userId, sessionId, passwordHash, newEmail, origin }
  return deps.sql.begin(async (sql) => {
    if (!(await insertChangeRequest(sql, token, change))) return 'changed_meanwhile'
    await clearGuesses(sql, guess)
    return 'requested'
  })
}

/** A user who was deleted or disabled after the access token was checked has no session either. */
async function getOwner(
  { sql }: Pick<Deps, 'sql'>,
  userId: string,
): Promise<{ email: string; passwordHash: string | null }> {
  const owner = await findAddressOwner(sql, userId)
  if (owner === null) throw new AppError('session_revoked')
  return owner
}

const invalid = (message: string): AppError =>
  new AppError('validation_failed', undefined, { errors: [{ path: '/newEmail', message }] })
