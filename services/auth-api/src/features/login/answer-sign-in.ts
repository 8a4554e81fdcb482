import { SecondFactorRequired, type Session } from '@latchkey/contracts/http/answers'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import type { SignIn } from '../mfa/finish-first-factor.js'
import { endReplacedSession } from '../sessions/cookie-session.js'
import { sessionAnswer } from '../sessions/session-answer.js'

interface SignInResult {
  readonly signIn: SignIn
  /** What `cookieSessions.isAskedFor` said before anything was tried. */
  readonly inCookies: boolean
  readonly origin: RequestOrigin
}

const challengeSchema = { ...SecondFactorRequired }

/** Of every route that signs in: the session, in cookies where it was asked for, or what is needed beside the first factor. */
export function createSignInAnswer(app: App, deps: Deps) {
  const cookieDeps = { ...deps, verifyAccessToken: app.verifyAccessToken }

  return async (
    request: FastifyRequest,
    reply: FastifyReply,
    { signIn, inCookies, origin }: SignInResult,
  ): Promise<Session | FastifyReply> => {
    if (signIn.kind === 'challenge') {
      // By its own schema, so that the session's answer has one shape and is written as fast as ever.
      const body = reply.serializeInput(signIn.challenge, challengeSchema)
      return reply.type('application/json; charset=utf-8').send(body)
    }
    app.devicePasses.give(request, reply, { userId: signIn.session.id, at: signIn.session.authenticatedAt })
    const session = sessionAnswer(deps, app.signAccessToken, signIn.session)
    if (!inCookies) return session
    await endReplacedSession(cookieDeps, app.cookieSessions.tokensOf(request), origin)
    return app.cookieSessions.send(request, reply, session)
  }
}
