import { AppError } from '@latchkey/contracts/errors'
import type { ResetPasswordBody } from '@latchkey/contracts/http/bodies'
import type { Sql } from '@latchkey/platform/database/client'
import { consumeOneTimeToken, discardOneTimeTokens } from '@latchkey/platform/one-time-tokens/one-time-tokens'
import { decodeOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { clearLockout } from '../guessing/clear-lockout.js'
import { claimAccount } from '../mail-links/claim-account.js'
import { trustPasswordAgain } from '../mfa/trust-password-again.js'
import { assertGoodPassword } from '../passwords/assert-good-password.js'
import type { PasswordOwner } from '../passwords/own-words.js'
import { revokeSessions } from '../sessions/revoke-sessions.js'
import { findLinkOwner, setPassword } from './queries.js'

type ResetDeps = Pick<Deps, 'breachedPasswords' | 'config' | 'keyring' | 'passwords' | 'revocations' | 'sql'>

const purpose = 'reset_password'

/**
 * Sets a new password for whoever reads the account's mail, and ends every session and every other link, everywhere, before it returns. It
 * signs nobody in, so that a second factor stays to be asked for. The link is looked at first, so that only who has a good one
 * learns what is wrong with the password, and used last, so that a password that is refused leaves it whole.
 * @throws AppError one_time_token_invalid, password_rejected, overloaded.
 */
export async function resetPassword(
  deps: ResetDeps,
  { token, password }: ResetPasswordBody,
  origin: RequestOrigin,
): Promise<void> {
  const owner = await getOwner(deps, token)
  await assertGoodPassword(deps, { password, owner, path: '/password' })
  const passwordHash = await deps.passwords.admit((passwords) => passwords.hash(password))
  const ended = await deps.sql.begin((sql) => useLink(sql, deps, { token, passwordHash, origin }))
  await deps.revocations.revoke(ended)
}

/** Of a link that is good so far. A token that we never issued costs no I/O. */
async function getOwner({ keyring, sql }: ResetDeps, token: string): Promise<PasswordOwner> {
  const decoded = decodeOneTimeToken(keyring, purpose, token)
  const owner = decoded === null ? null : await findLinkOwner(sql, decoded)
  if (owner === null) throw new AppError('one_time_token_invalid')
  return owner
}

/** The ids of the sessions that it ended. */
async function useLink(
  sql: Sql,
  deps: ResetDeps,
  { token, passwordHash, origin }: { token: string; passwordHash: string; origin: RequestOrigin },
): Promise<string[]> {
  const link = await consumeOneTimeToken(sql, deps, { purpose, token })
  const claim = link && (await claimAccount(sql, link, origin))
  if (link === null || claim === null) throw new AppError('one_time_token_invalid')
  const { userId } = link
  await setPassword(sql, { userId, passwordHash, origin })
  await discardOneTimeTokens(sql, userId)
  await clearLockout(sql, deps, userId)
  await trustPasswordAgain(sql, userId)
  const reason = 'password_reset'
  const ended = await revokeSessions(sql, { userId, exceptSessionId: null, reason, origin })
  return [...claim.endedSessionIds, ...ended]
}
