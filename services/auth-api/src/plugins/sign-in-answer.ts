import { SecondFactorRequired, type Session } from '@latchkey/contracts/http/answers'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../app-types.js'
import type { RequestOrigin } from '../request-origin.js'
import type { CookieTokens } from './cookie-sessions.js'

interface SignInResult<Opened> {
  readonly signIn:
    | { readonly kind: 'session'; readonly session: Opened }
    | { readonly kind: 'challenge'; readonly challenge: SecondFactorRequired }
  /** What `cookieSessions.isAskedFor` said before anything was tried. */
  readonly inCookies: boolean
  readonly origin: RequestOrigin
}

/** A plugin knows no feature, so it is told what an opened session answers, and how the one that it replaces ends. */
interface SignInTools<Opened> {
  readonly answerOf: (session: Opened) => Session
  readonly endReplaced: (tokens: CookieTokens, origin: RequestOrigin) => Promise<void>
}

const challengeSchema = { ...SecondFactorRequired }

/** Of every route that signs in: the session, in cookies where it was asked for, or what is needed beside the first factor. */
export function createSignInAnswer<Opened extends { readonly id: string; readonly authenticatedAt: Date }>(
  app: App,
  { answerOf, endReplaced }: SignInTools<Opened>,
) {
  return async (
    request: FastifyRequest,
    reply: FastifyReply,
    { signIn, inCookies, origin }: SignInResult<Opened>,
  ): Promise<Session | FastifyReply> => {
    if (signIn.kind === 'challenge') {
      // By its own schema, so that the session's answer has one shape and is written as fast as ever.
      const body = reply.serializeInput(signIn.challenge, challengeSchema)
      return reply.type('application/json; charset=utf-8').send(body)
    }
    const { session } = signIn
    app.devicePasses.give(request, reply, { userId: session.id, at: session.authenticatedAt })
    const answer = answerOf(session)
    if (!inCookies) return answer
    await endReplaced(app.cookieSessions.tokensOf(request), origin)
    return app.cookieSessions.send(request, reply, answer)
  }
}
