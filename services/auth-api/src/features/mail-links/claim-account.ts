import type { Sql } from '@latchkey/platform/database/client'
import { discardOneTimeTokens } from '@latchkey/platform/one-time-tokens/one-time-tokens'
import type { RequestOrigin } from '../../request-origin.js'
import { discardIdentities } from '../federation/identities/discard-identities.js'
import { discardSecondFactors } from '../mfa/reset-second-factors.js'
import { revokeSessions } from '../sessions/revoke-sessions.js'
import { deletePassword, markProven } from './queries.js'

export interface Claim {
  /** Whether a second factor is still to be asked for. */
  mfaEnabled: boolean
  /** To be handed to `revocations.revoke` once the caller has committed. */
  endedSessionIds: string[]
}

/**
 * Whoever uses a link reads the mail of its address, and the account is theirs; a provider that is believed may say the same of somebody. Where
 * nobody had proven that before, somebody else may have made it, to share it with its owner later (pre-hijacking): their password, sessions,
 * second factors, accounts elsewhere and links end here.
 * Null when the address is not the user's any more. The caller has locked credential and user, as `consumeOneTimeToken` does.
 */
export async function claimAccount(
  sql: Sql,
  { userId, email }: { userId: string; email: string },
  origin: RequestOrigin,
): Promise<Claim | null> {
  const proven = await markProven(sql, { userId, email, origin })
  if (proven === null) return null
  const { isNew, mfaEnabled } = proven
  if (!isNew) return { mfaEnabled, endedSessionIds: [] }
  await deletePassword(sql, userId)
  await discardSecondFactors(sql, { userId, origin })
  await discardIdentities(sql, { userId, reason: 'address_proven', since: null, origin })
  await discardOneTimeTokens(sql, userId)
  const endedSessionIds = await revokeSessions(sql, {
    userId,
    exceptSessionId: null,
    reason: 'address_proven',
    origin,
  })
  return { mfaEnabled: false, endedSessionIds }
}
