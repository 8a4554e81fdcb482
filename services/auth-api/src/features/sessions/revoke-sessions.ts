import { AppError } from '@latchkey/contracts/errors'
import type { Sql } from '@latchkey/platform/database/client'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { type Revocation, revokeSession, revokeSessionsOfUser } from './queries.js'
import { decodeRefreshToken } from './refresh-token.js'

type RevokeDeps = Pick<Deps, 'sql' | 'keyring' | 'revocations'>

/** Ends the session of a request that authenticated. Already ended is ended. */
export async function logOut(deps: RevokeDeps, sessionId: string, origin: RequestOrigin): Promise<void> {
  await revokeSession(deps.sql, sessionId, { userId: null, reason: 'logout', origin })
  await deps.revocations.revoke([sessionId])
}

/**
 * Ends the session that a refresh token of any generation names: who signs out with an old token still means it.
 * @throws AppError refresh_token_invalid for a token that we did not issue.
 */
export async function logOutByRefreshToken(
  deps: RevokeDeps,
  refreshToken: string,
  origin: RequestOrigin,
): Promise<void> {
  const token = decodeRefreshToken(deps.keyring, refreshToken)
  if (token === null) throw new AppError('refresh_token_invalid')
  await logOut(deps, token.sessionId, origin)
}

/** Ends a session on the word of a service client, which the event names as its actor. Already ended is ended. */
export async function endSessionForClient(
  deps: RevokeDeps,
  { sessionId, clientId, origin }: { sessionId: string; clientId: string; origin: RequestOrigin },
): Promise<void> {
  const reason = 'client_revoked'
  await revokeSession(deps.sql, sessionId, { userId: null, reason, origin, actorId: clientId })
  await deps.revocations.revoke([sessionId])
}

/** Ends all sessions of the user, this one included; answers how many. */
export async function logOutEverywhere(
  deps: RevokeDeps,
  userId: string,
  origin: RequestOrigin,
): Promise<number> {
  const ended = await revokeSessionsOfUser(deps.sql, userId, {
    exceptSessionId: null,
    reason: 'logout_all',
    origin,
  })
  await deps.revocations.revoke(ended)
  return ended.length
}

/** @throws AppError not_found, alike for an unknown session, an ended one and someone else's. */
export async function endSession(
  deps: RevokeDeps,
  input: { sessionId: string; userId: string; origin: RequestOrigin },
): Promise<void> {
  const owner = await revokeSession(deps.sql, input.sessionId, {
    userId: input.userId,
    reason: 'user_revoked',
    origin: input.origin,
  })
  if (owner === null) throw new AppError('not_found')
  await deps.revocations.revoke([input.sessionId])
}

/**
 * Ends a user's sessions inside the caller's transaction and answers their ids, which the caller hands to
 * `revocations.revoke` once it has committed.
 */
export function revokeSessions(
  sql: Sql,
  input: { userId: string; exceptSessionId: string | null } & Revocation,
): Promise<string[]> {
  return revokeSessionsOfUser(sql, input.userId, input)
}

/**
 * Ends one session inside the caller's transaction; the id of its user, whoever that is, or null when it was not live. The caller hands
 * the session's id to `revocations.revoke` once it has committed.
 */
export function revokeSessionOfAnyone(
  sql: Sql,
  input: { sessionId: string } & Revocation,
): Promise<string | null> {
  return revokeSession(sql, input.sessionId, { ...input, userId: null })
}
