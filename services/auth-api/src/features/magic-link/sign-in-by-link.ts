import { AppError } from '@latchkey/contracts/errors'
import type { VerifyMagicLinkBody } from '@latchkey/contracts/http/bodies'
import type { Sql } from '@latchkey/platform/database/client'
import { consumeOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-tokens'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { claimAccount } from '../mail-links/claim-account.js'
import { finishFirstFactor, type SignIn } from '../mfa/finish-first-factor.js'

type LinkDeps = Pick<Deps, 'config' | 'events' | 'keyring' | 'revocations' | 'sql'>

/**
 * Not in RFC 8176, which has nothing for it: a link proves a mailbox, which is no `otp` and no second channel. A resource server that
 * does not know the name counts it for nothing, as it should.
 */
const method = 'email'

/**
 * Signs in whoever reads the account's mail, or asks for the second factor of a user who has one. The link works wherever it is opened:
 * people ask on one device and read mail on another, and it is the mailbox that it proves.
 * @throws AppError one_time_token_invalid.
 */
export async function signInByLink(
  deps: LinkDeps,
  body: VerifyMagicLinkBody,
  origin: RequestOrigin,
): Promise<SignIn> {
  const outcome = await deps.sql.begin((sql) => useLink(sql, deps, body, origin))
  if (outcome === null) {
    const data = { reason: 'invalid_link' }
    await deps.events.report(newSecurityEvent('login.failed', { ...origin, data }))
    throw new AppError('one_time_token_invalid')
  }
  const { signIn, endedSessionIds } = outcome
  const surplus = signIn.kind === 'session' ? signIn.session.endedSessionIds : []
  await deps.revocations.revoke([...endedSessionIds, ...surplus])
  return signIn
}

async function useLink(
  sql: Sql,
  deps: LinkDeps,
  { token, deviceName }: VerifyMagicLinkBody,
  origin: RequestOrigin,
): Promise<{ signIn: SignIn; endedSessionIds: string[] } | null> {
  const link = await consumeOneTimeToken(sql, deps, { purpose: 'magic_link', token })
  const claim = link && (await claimAccount(sql, link, origin))
  if (link === null || claim === null) return null
  const signIn = await finishFirstFactor(sql, deps, {
    userId: link.userId,
    passwordHash: null,
    mfaEnabled: claim.mfaEnabled,
    amr: [method],
    deviceName: deviceName ?? null,
    origin,
  })
  return signIn && { signIn, endedSessionIds: claim.endedSessionIds }
}
