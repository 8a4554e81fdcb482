import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'
import { discardPasskeys } from '../passkeys/discard-passkeys.js'
import { revokeSessions } from '../sessions/revoke-sessions.js'
import { deleteSecondFactors } from './enrolment/queries.js'
import { lockOwner } from './queries.js'

export interface FactorReset {
  userId: string
  /** The admin who does it, and their session. */
  actorId: string
  sessionId: string
  origin: RequestOrigin
}

/**
 * For somebody who has lost phone and recovery codes, and the passkeys with them: removes the second factors and ends all sessions, inside the
 * caller's transaction. The owner is told by mail. Null when there was no second factor; else the ids that the caller hands to `revocations.revoke` once
 * it has committed.
 */
export async function resetSecondFactors(
  sql: Sql,
  { userId, actorId, sessionId, origin }: FactorReset,
): Promise<string[] | null> {
  await lockOwner(sql, userId)
  const removal = { userId, actorId, sessionId, reason: 'admin_reset', origin } as const
  const hadApp = await deleteSecondFactors(sql, removal)
  const hadPasskeys = await discardPasskeys(sql, removal)
  if (!hadApp && !hadPasskeys) return null
  return revokeSessions(sql, { userId, exceptSessionId: null, reason: 'mfa_changed', origin, actorId })
}

/** What somebody who never proved the account's address has set up, for its owner, whom it would keep out. In the caller's transaction. */
export async function discardSecondFactors(
  sql: Sql,
  { userId, origin }: { userId: string; origin: RequestOrigin },
): Promise<void> {
  const removal = { userId, actorId: userId, sessionId: null, reason: 'address_proven', origin } as const
  await deleteSecondFactors(sql, removal)
  await discardPasskeys(sql, removal)
}

/**
 * What was set up since the address of an account was changed, for its owner who undoes that: whoever took the account over would keep
 * them out by it. In the caller's transaction.
 */
export async function discardSecondFactorsSince(
  sql: Sql,
  { userId, since, origin }: { userId: string; since: string; origin: RequestOrigin },
): Promise<void> {
  const removal = {
    userId,
    actorId: userId,
    sessionId: null,
    reason: 'email_change_undone',
    since,
    origin,
  } as const
  await deleteSecondFactors(sql, removal)
  await discardPasskeys(sql, removal)
}
