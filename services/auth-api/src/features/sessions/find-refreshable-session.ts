import type { Deps } from '../../deps.js'
import { decodeRefreshToken } from './refresh-token.js'
import { findSession, type SeenSessionRow } from './rotation/queries.js'

/** With the generation of the token that was looked at. */
export type RefreshableSession = SeenSessionRow

/**
 * The live session that a refresh of this token would move on, or null. Changes nothing and confirms nothing: whoever looks at a
 * token is not the client that holds it. One that is ahead of the row is good, because only we can have issued it.
 */
export async function findRefreshableSession(
  { sql, keyring, config }: Pick<Deps, 'sql' | 'keyring' | 'config'>,
  refreshToken: string,
): Promise<RefreshableSession | null> {
  const token = decodeRefreshToken(keyring, refreshToken)
  if (token === null) return null
  const { sessionId } = token
  const seen = await findSession(sql, { sessionId, lifetimes: config, limit: config.limitRefreshSession })
  if (seen === null || !seen.isAlive || token.generation < seen.generation) return null
  return { ...seen, generation: token.generation }
}
