import type { SecondFactorRequired } from '@latchkey/contracts/http/answers'
import type { Config } from '@latchkey/platform/config/config'
import type { Sql } from '@latchkey/platform/database/client'
import type { Lifetimes } from '../sessions/lifetimes.js'
import { openSession, type OpenedSession, type OpenSessionInput } from '../sessions/open-session.js'
import { mfaTokenSeconds, newMfaToken } from './mfa-token.js'
import { insertChallenge } from './queries.js'

export interface FirstFactor extends OpenSessionInput {
  /** Whether the user has a second factor, as it was read with the account. */
  mfaEnabled: boolean
}

/** What a right first factor comes to. */
export type SignIn =
  { kind: 'session'; session: OpenedSession } | { kind: 'challenge'; challenge: SecondFactorRequired }

/**
 * What every way to sign in ends with: the session or, for a user with a second factor, the token to go on with. One statement
 * either way, on the pool or in the caller's transaction. For a session the caller does what `openSession` says.
 * Null when the password was changed, a second factor enrolled or removed, or the user disabled or deleted meanwhile.
 */
export async function finishFirstFactor(
  sql: Sql,
  deps: { config: Lifetimes & Pick<Config, 'maxSessionsPerUser'> },
  { mfaEnabled, ...input }: FirstFactor,
): Promise<SignIn | null> {
  if (!mfaEnabled) {
    const session = await openSession(sql, deps, input)
    return session && { kind: 'session', session }
  }
  const { token, hash } = newMfaToken()
  const factors = await insertChallenge(sql, { ...input, tokenHash: hash, ttlSeconds: mfaTokenSeconds })
  if (factors === null) return null
  const methods = factors.hasRecoveryCodes ? ['totp', 'recovery_code'] : ['totp']
  return {
    kind: 'challenge',
    challenge: { mfaRequired: true, mfaToken: token, methods, expiresIn: mfaTokenSeconds },
  }
}
