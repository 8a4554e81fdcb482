import { EnrolmentRequired, SecondFactorRequired, type Session } from '@latchkey/contracts/http/answers'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../app-types.js'
import type { RequestOrigin } from '../request-origin.js'
import type { CookieTokens } from './cookie-sessions.js'

interface SignInResult<Opened> {
  readonly signIn:
    | { readonly kind: 'session'; readonly session: Opened }
    | { readonly kind: 'challenge'; readonly challenge: SecondFactorRequired }
    | { readonly kind: 'enrolment'; readonly enrolment: EnrolmentRequired }
  /** What `cookieSessions.isAskedFor` said before anything was tried. */
  readonly inCookies: boolean
  /** For a device that is to be remembered. */
  readonly rememberToken?: string | null
  /** For a user who has just set a second factor up. */
  readonly recoveryCodes?: string[]
  readonly origin: RequestOrigin
}

type SignedIn = Session & { rememberToken?: string; recoveryCodes?: string[] }

/** A plugin knows no feature, so it is told what an opened session answers, and how the one that it replaces ends. */
interface SignInTools<Opened> {
  readonly answerOf: (session: Opened) => Session
  readonly endReplaced: (tokens: CookieTokens, origin: RequestOrigin) => Promise<void>
}

// By schemas of their own, so that the session's answer has one shape and is written as fast as ever.
const challengeSchema = { ...SecondFactorRequired }
const enrolmentSchema = { ...EnrolmentRequired }
const jsonType = 'application/json; charset=utf-8'

/** Of every route that signs in: the session, in cookies where it was asked for, or what is needed beside the first factor. */
export function createSignInAnswer<Opened extends { readonly id: string; readonly authenticatedAt: Date }>(
  app: App,
  { answerOf, endReplaced }: SignInTools<Opened>,
) {
  return async (
    request: FastifyRequest,
    reply: FastifyReply,
    { signIn, inCookies, rememberToken = null, recoveryCodes, origin }: SignInResult<Opened>,
  ): Promise<SignedIn | FastifyReply> => {
    if (signIn.kind === 'challenge')
      return reply.type(jsonType).send(reply.serializeInput(signIn.challenge, challengeSchema))
    if (signIn.kind === 'enrolment')
      return reply.type(jsonType).send(reply.serializeInput(signIn.enrolment, enrolmentSchema))
    const { session } = signIn
    app.devicePasses.give(request, reply, { userId: session.id, at: session.authenticatedAt })
    const answer: SignedIn = { ...answerOf(session), ...(recoveryCodes !== undefined && { recoveryCodes }) }
    if (!inCookies) return rememberToken === null ? answer : { ...answer, rememberToken }
    if (rememberToken !== null) app.rememberTokens.give(reply, rememberToken)
    await endReplaced(app.cookieSessions.tokensOf(request), origin)
    return app.cookieSessions.send(request, reply, answer)
  }
}
