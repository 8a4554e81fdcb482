import type { Deps } from '../../deps.js'
import { findSession, type SeenSessionRow } from './queries.js'
import { decodeRefreshToken } from './refresh-token.js'

/**
 * The live session that a refresh of this token would move on, or null. Changes nothing and confirms nothing: whoever looks at a
 * token is not the client that holds it. One that is ahead of the row is good, because only we can have issued it.
 */
export async function findRefreshableSession(
  { sql, keyring }: Pick<Deps, 'sql' | 'keyring'>,
  refreshToken: string,
): Promise<SeenSessionRow | null> {
  const token = decodeRefreshToken(keyring, refreshToken)
  if (token === null) return null
  const seen = await findSession(sql, token.sessionId)
  return seen !== null && seen.isAlive && token.generation >= seen.generation ? seen : null
}
