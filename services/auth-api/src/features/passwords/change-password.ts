import { AppError } from '@latchkey/contracts/errors'
import type { ChangePasswordBody } from '@latchkey/contracts/http/bodies'
import { discardOneTimeTokens } from '@latchkey/platform/one-time-tokens/one-time-tokens'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { DevicePass } from '../../device-pass.js'
import type { RequestOrigin } from '../../request-origin.js'
import { clearGuesses, type Guess, guessAtUser, type GuessDeps } from '../guessing/guess.js'
import { revokeSessions } from '../sessions/revoke-sessions.js'
import { assertGoodPassword } from './assert-good-password.js'
import type { AdmittedPasswords } from './password-hasher.js'
import { assertPresentable } from './password-policy.js'
import { findCredential, replacePassword, type CredentialRow } from './queries.js'

type ChangeDeps = GuessDeps & Pick<Deps, 'breachedPasswords' | 'passwords' | 'revocations'>

export interface PasswordChange extends ChangePasswordBody {
  userId: string
  /** The session that asks, and stays. */
  sessionId: string
  pass: DevicePass | null
  origin: RequestOrigin
}

interface ChangedPassword {
  at: Date
  endedSessionIds: string[]
}

/** Why a change failed: for the event, never for the answer. */
type Failure = 'no_password' | 'wrong_password' | 'changed_meanwhile'

/**
 * Changes the password and ends the user's other sessions, everywhere, before it returns when that was. From then on passes of
 * the user's devices are void, and so are links that were asked for before.
 * @throws AppError validation_failed, overloaded, password_rejected, rate_limited, too_many_attempts, invalid_credentials.
 */
export async function changePassword(deps: ChangeDeps, change: PasswordChange): Promise<Date> {
  assertPresentable(change.currentPassword, '/currentPassword')
  return deps.passwords.admit(async (passwords) => {
    await assertGoodPassword(deps, {
      password: change.newPassword,
      owner: await getCredential(deps, change.userId),
      present: change.currentPassword,
      path: '/newPassword',
    })
    return guessAtUser(deps, change, async (guess) => {
      let outcome = await tryChange(deps, passwords, guess, change)
      // A parallel sign-in renewed the hash, or another change was first, while ours was computed: what is stored now decides.
      if (outcome === 'changed_meanwhile') outcome = await tryChange(deps, passwords, guess, change)

      if (typeof outcome === 'string') {
        const { userId, sessionId, origin } = change
        const data = { reason: outcome, during: 'password_change' }
        await deps.events.report(newSecurityEvent('login.failed', { ...origin, userId, sessionId, data }))
        throw new AppError('invalid_credentials')
      }
      await deps.revocations.revoke(outcome.endedSessionIds)
      return outcome.at
    })
  })
}

/** The hashes are computed before the transaction, which holds locks. */
async function tryChange(
  deps: ChangeDeps,
  passwords: AdmittedPasswords,
  guess: Guess,
  { userId, sessionId, currentPassword, newPassword, origin }: PasswordChange,
): Promise<ChangedPassword | Failure> {
  const { passwordHash } = await getCredential(deps, userId)
  if (passwordHash === null) return 'no_password'
  if (!(await passwords.verify(passwordHash, currentPassword))) return 'wrong_password'
  const replacement = { userId, sessionId, from: passwordHash, to: await passwords.hash(newPassword), origin }
  const changed = await deps.sql.begin(async (sql) => {
    const at = await replacePassword(sql, replacement)
    if (at === null) return null
    await clearGuesses(sql, guess)
    const others = { userId, exceptSessionId: sessionId, reason: 'password_changed', origin } as const
    const endedSessionIds = await revokeSessions(sql, others)
    await discardOneTimeTokens(sql, userId)
    return { at, endedSessionIds }
  })
  return changed ?? 'changed_meanwhile'
}

/** A user who was deleted or disabled after the access token was checked has no session either. */
async function getCredential(deps: ChangeDeps, userId: string): Promise<CredentialRow> {
  const credential = await findCredential(deps.sql, userId)
  if (credential === null) throw new AppError('session_revoked')
  return credential
}
