import { AppError } from '@latchkey/contracts/errors'
import type { ChangePasswordBody } from '@latchkey/contracts/http/bodies'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { clearGuesses, countGuess } from '../login/account-guesses.js'
import { revokeSessions } from '../sessions/revoke-sessions.js'
import { assertGoodPassword } from './assert-good-password.js'
import type { AdmittedPasswords } from './password-hasher.js'
import { assertPresentable } from './password-policy.js'
import { findCredential, replacePassword, type CredentialRow } from './queries.js'

type ChangeDeps = Pick<
  Deps,
  'breachedPasswords' | 'config' | 'events' | 'limits' | 'passwords' | 'revocations' | 'sql'
>

export interface PasswordChange extends ChangePasswordBody {
  userId: string
  /** The session that asks, and stays. */
  sessionId: string
  origin: RequestOrigin
}

/** Why a change failed: for the event, never for the answer. */
type Failure = 'no_password' | 'wrong_password' | 'changed_meanwhile'

/**
 * Changes the password and ends the user's other sessions, everywhere, before it returns.
 * @throws AppError validation_failed, overloaded, password_rejected, rate_limited, invalid_credentials.
 */
export async function changePassword(deps: ChangeDeps, change: PasswordChange): Promise<void> {
  assertPresentable(change.currentPassword, '/currentPassword')
  await deps.passwords.admit(async (passwords) => {
    const credential = await getCredential(deps, change.userId)
    await assertGoodPassword(deps, {
      password: change.newPassword,
      owner: credential,
      present: change.currentPassword,
      path: '/newPassword',
    })
    await countGuess(deps, change.userId, change.origin)

    let outcome = await tryChange(deps, passwords, credential, change)
    // A parallel sign-in renewed the hash, or another change was first, while ours was computed: what is stored now decides.
    if (outcome === 'changed_meanwhile')
      outcome = await tryChange(deps, passwords, await getCredential(deps, change.userId), change)

    if (typeof outcome === 'string') {
      const { userId, sessionId, origin } = change
      const data = { reason: outcome, during: 'password_change' }
      await deps.events.report(newSecurityEvent('login.failed', { ...origin, userId, sessionId, data }))
      throw new AppError('invalid_credentials')
    }
    await deps.revocations.revoke(outcome)
    await clearGuesses(deps, change.userId, change.origin)
  })
}

/** The ids of the sessions that it ended. The hashes are computed before the transaction, which holds locks. */
async function tryChange(
  deps: ChangeDeps,
  passwords: AdmittedPasswords,
  { passwordHash }: CredentialRow,
  { userId, sessionId, currentPassword, newPassword, origin }: PasswordChange,
): Promise<string[] | Failure> {
  if (passwordHash === null) return 'no_password'
  if (!(await passwords.verify(passwordHash, currentPassword))) return 'wrong_password'
  const replacement = { userId, sessionId, from: passwordHash, to: await passwords.hash(newPassword), origin }
  const ended = await deps.sql.begin(async (sql) => {
    if (!(await replacePassword(sql, replacement))) return null
    return revokeSessions(sql, { userId, exceptSessionId: sessionId, reason: 'password_changed', origin })
  })
  return ended ?? 'changed_meanwhile'
}

/** A user who was deleted or disabled after the access token was checked has no session either. */
async function getCredential(deps: ChangeDeps, userId: string): Promise<CredentialRow> {
  const credential = await findCredential(deps.sql, userId)
  if (credential === null) throw new AppError('session_revoked')
  return credential
}
