import { MailRequested, Problem, SignInAnswer } from '@latchkey/contracts/http/answers'
import { MagicLinkBody, VerifyMagicLinkBody } from '@latchkey/contracts/http/bodies'
import { SessionModeHeader } from '@latchkey/contracts/http/headers'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { createSignInAnswer } from '../../plugins/sign-in-answer.js'
import { originOf } from '../../request-origin.js'
import { countAttempt } from '../login/count-attempt.js'
import { requestLink } from '../mail-links/request-link.js'
import { signInTools } from '../sessions/sign-in-tools.js'
import { signInByLink } from './sign-in-by-link.js'

export function magicLinkRoutes(app: App, deps: Deps): void {
  const answerSignIn = createSignInAnswer(app, signInTools(deps, app))

  app.post('/magic-link', {
    config: { auth: 'none', limit: 'reset' },
    schema: {
      tags: ['account'],
      summary: 'Ask for a mail with a link that signs in',
      description:
        'Answered alike whether an account has the address or not. The newest link is the only one that works, once, for ten minutes.',
      body: MagicLinkBody,
      response: { 202: MailRequested, 400: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      await requestLink(deps, {
        purpose: 'magic_link',
        eventType: 'magic_link.requested',
        email: request.body.email,
        origin: originOf(request),
      })
      return reply.code(202).send({ status: 'sent_if_known' })
    },
  })

  app.post('/magic-link/verify', {
    config: { auth: 'none', limit: 'login' },
    schema: {
      tags: ['account'],
      summary: 'Sign in with the token of a link',
      description: 'A second factor is asked for as ever. In `amr` the link is `email`.',
      headers: SessionModeHeader,
      body: VerifyMagicLinkBody,
      response: { 200: SignInAnswer, 400: Problem, 403: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      const inCookies = app.cookieSessions.isAskedFor(request)
      const origin = originOf(request)
      const signIn = await countAttempt(deps.metrics, 'login', () => signInByLink(deps, request.body, origin))
      return answerSignIn(request, reply, { signIn, inCookies, origin })
    },
  })
}
