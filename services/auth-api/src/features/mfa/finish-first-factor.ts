import type { EnrolmentRequired, SecondFactorRequired } from '@latchkey/contracts/http/answers'
import type { Sql } from '@latchkey/platform/database/client'
import { hashRememberToken } from '../remembered-devices/remember-token.js'
import {
  openSession,
  type OpenedSession,
  type OpeningConfig,
  type OpenSessionInput,
} from '../sessions/open-session.js'
import { enrolmentSeconds, mfaTokenSeconds, newMfaToken } from './mfa-token.js'
import { insertChallenge } from './queries.js'

export interface FirstFactor extends Omit<OpenSessionInput, 'rememberTokenHash'> {
  /** Whether the user has a second factor, as it was read with the account. */
  mfaEnabled: boolean
  /** By which the device may be spared the second factor, beside a password; unchecked. */
  rememberToken?: string | null
}

/** What a right first factor comes to. */
export type SignIn =
  | { kind: 'session'; session: OpenedSession }
  | { kind: 'challenge'; challenge: SecondFactorRequired }
  | { kind: 'enrolment'; enrolment: EnrolmentRequired }

/**
 * What every way to sign in ends with: the session or, for a user who has a second factor or must have one, the token to go on with. On the
 * pool or in the caller's transaction; each statement decides for itself what the user needs at that moment. For a session the
 * caller does what `openSession` says.
 * Null when the password was changed, the second factor removed, or the user disabled or deleted meanwhile.
 */
export async function finishFirstFactor(
  sql: Sql,
  deps: { config: OpeningConfig },
  first: FirstFactor,
): Promise<SignIn | null> {
  const session = await trySession(sql, deps, first)
  if (session !== null) return { kind: 'session', session }

  const { token: mfaToken, hash: tokenHash } = newMfaToken()
  const { requireMfa } = deps.config
  const ttlSeconds = { challenge: mfaTokenSeconds, enrolment: enrolmentSeconds }
  const waiting = await insertChallenge(sql, { ...first, tokenHash, requireMfa, ttlSeconds })
  if (waiting === null) return null
  if (waiting.isEnrolment) {
    const enrolment = { mfaToken, methods: [...enrolmentMethods], expiresIn: enrolmentSeconds }
    return { kind: 'enrolment', enrolment: { mfaEnrolmentRequired: true, ...enrolment } }
  }
  const methods = [
    ...(waiting.hasTotp ? ['totp'] : []),
    ...(waiting.hasPasskeys ? ['passkey'] : []),
    ...(waiting.hasRecoveryCodes ? ['recovery_code'] : []),
  ]
  return {
    kind: 'challenge',
    challenge: { mfaRequired: true, mfaToken, methods, expiresIn: mfaTokenSeconds },
  }
}

const enrolmentMethods = ['totp', 'passkey']

async function trySession(
  sql: Sql,
  deps: { config: OpeningConfig },
  { mfaEnabled, rememberToken = null, ...input }: FirstFactor,
): Promise<OpenedSession | null> {
  const rememberTokenHash = rememberToken === null ? null : hashRememberToken(rememberToken)
  if (rememberTokenHash !== null && input.passwordHash !== null) {
    const session = await openSession(sql, deps, { ...input, rememberTokenHash })
    if (session !== null) return session
  }
  return mfaEnabled ? null : openSession(sql, deps, input)
}
