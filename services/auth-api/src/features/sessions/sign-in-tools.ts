import type { Session } from '@latchkey/contracts/http/answers'
import type { AccessTokenClaims } from '../../access-token-claims.js'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { endReplacedSession } from './cookie-session.js'
import type { OpenedSession } from './open-session.js'
import { sessionAnswer } from './session-answer.js'

interface TokenKit {
  signAccessToken: (claims: AccessTokenClaims) => string
  verifyAccessToken: (token: string) => Promise<{ payload: { sid: string } }>
}

/** What the answer of a sign-in is made with. */
export const signInTools = (deps: Deps, { signAccessToken, verifyAccessToken }: TokenKit) => ({
  answerOf: (session: OpenedSession): Session => sessionAnswer(deps, signAccessToken, session),
  endReplaced: (
    tokens: { accessToken: string | null; refreshToken: string | null },
    origin: RequestOrigin,
  ): Promise<void> => endReplacedSession({ ...deps, verifyAccessToken }, tokens, origin),
})
