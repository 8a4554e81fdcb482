import { AppError } from '@latchkey/contracts/errors'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { decodeRefreshToken } from './refresh-token.js'
import { logOut } from './revoke-sessions.js'

interface CookieTokens {
  readonly accessToken: string | null
  readonly refreshToken: string | null
}

type VerifyAccessToken = (token: string) => Promise<{ payload: { sid: string } }>

type CookieDeps = Pick<Deps, 'keyring'> & { verifyAccessToken: VerifyAccessToken }

/**
 * The session that a browser's cookies name; null when they name none that we opened. The refresh token speaks where the access
 * token, which the browser drops sooner, is no longer good. Whether the session still lives is not asked.
 */
export async function findCookieSession(deps: CookieDeps, tokens: CookieTokens): Promise<string | null> {
  const { accessToken, refreshToken } = tokens
  const named = accessToken === null ? null : await sessionOfAccessToken(deps.verifyAccessToken, accessToken)
  if (named !== null || refreshToken === null) return named
  return decodeRefreshToken(deps.keyring, refreshToken)?.sessionId ?? null
}

/**
 * Ends the session that a sign-in in the same browser replaces: nobody holds its tokens any more, or somebody who should not
 * (session fixation, ASVS 7.2.4).
 */
export async function endReplacedSession(
  deps: CookieDeps & Pick<Deps, 'sql' | 'revocations'>,
  tokens: CookieTokens,
  origin: RequestOrigin,
): Promise<void> {
  const replaced = await findCookieSession(deps, tokens)
  if (replaced !== null) await logOut(deps, replaced, origin)
}

async function sessionOfAccessToken(verify: VerifyAccessToken, token: string): Promise<string | null> {
  try {
    return (await verify(token)).payload.sid
  } catch (error) {
    if (error instanceof AppError && error.status === 401) return null
    throw error
  }
}
