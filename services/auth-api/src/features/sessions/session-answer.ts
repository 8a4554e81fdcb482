import type { Session } from '@latchkey/contracts/http/answers'
import type { Keyring } from '@latchkey/platform/crypto/keyring'
import type { Traits } from '@latchkey/platform/traits/traits'
import type { AccessTokenClaims } from '../../access-token-claims.js'
import { userAnswer } from '../profile/user-answer.js'
import type { LiveSessionRow } from './queries.js'
import { encodeRefreshToken } from './refresh-token.js'

interface AnswerDeps {
  keyring: Keyring
  config: { accessTokenTtlSeconds: number }
  traits: Pick<Traits, 'shownToUser'>
}

/**
 * The tokens of a session's present generation. The refresh token is a function of the row, so whoever is due the same
 * generation gets the same token. An access token never outlives its session.
 */
export function sessionAnswer(
  deps: AnswerDeps,
  signAccessToken: (claims: AccessTokenClaims) => string,
  row: LiveSessionRow,
): Session {
  const expiresIn = Math.max(1, Math.min(deps.config.accessTokenTtlSeconds, row.refreshExpiresIn))
  const accessToken = signAccessToken({
    userId: row.id,
    sessionId: row.sessionId,
    generation: Number(row.generation),
    roles: row.roles,
    aal: row.aal,
    amr: row.amr,
    authenticatedAt: row.authenticatedAt,
    expiresIn,
  })
  return {
    token: accessToken,
    accessToken,
    refreshToken: encodeRefreshToken(deps.keyring.current, row),
    tokenType: 'Bearer',
    expiresIn,
    refreshExpiresIn: row.refreshExpiresIn,
    sessionId: row.sessionId,
    user: userAnswer(row, deps.traits),
  }
}
