import { Problem, Session } from '@latchkey/contracts/http/answers'
import {
  BeginForSessionBody,
  FinishForSessionBody,
  Identity,
  ProviderId,
  ProviderUrl,
} from '@latchkey/contracts/http/federation'
import type { FastifyRequest } from 'fastify'
import type { App } from '../../../app-types.js'
import type { Deps } from '../../../deps.js'
import { callerOf } from '../../../plugins/authentication.js'
import { originOf } from '../../../request-origin.js'
import { sessionAnswer } from '../../sessions/session-answer.js'
import { linkIdentity } from '../identities/link-identity.js'
import { makeTicket } from '../lead-to-provider.js'
import { assertStepsUpElsewhere, stepUpElsewhere } from '../step-up-elsewhere.js'

const problems = { 400: Problem, 401: Problem, 403: Problem, 429: Problem, 503: Problem }
const asUser = { auth: 'session', limit: 'general' } as const

/** What a session does elsewhere: each time a page for its browser to open, and then the code that the browser comes back with. */
export function sessionRoutes(app: App, deps: Deps): void {
  const sessionOf = (request: FastifyRequest) => {
    const { userId, sessionId } = callerOf(request)
    return { userId, sessionId, origin: originOf(request) }
  }

  app.post('/oauth/:provider/link', {
    config: { ...asUser, freshAuth: true },
    schema: {
      tags: ['federation'],
      summary: 'Begin to link an account at a provider',
      description:
        'The browser opens `url` and comes back to `returnTo` with `code` for POST /oauth/link. Nothing is linked before that.',
      params: ProviderId,
      body: BeginForSessionBody,
      response: { 200: ProviderUrl, 404: Problem, ...problems },
    },
    handler: async (request) => {
      const { userId, sessionId } = callerOf(request)
      const purpose = { kind: 'link', userId, sessionId } as const
      return {
        url: await makeTicket(deps, { ...request.body, providerId: request.params.provider, purpose }),
      }
    },
  })

  app.post('/oauth/link', {
    config: asUser,
    schema: {
      tags: ['federation'],
      summary: 'Link it, with the code that the browser came back with',
      description: 'Within a minute, once, and only in the session that began it.',
      body: FinishForSessionBody,
      response: { 200: Identity, 409: Problem, ...problems },
    },
    handler: (request) => {
      const presented = { ...request.body, browserSecret: app.browserSecrets.read(request) }
      return linkIdentity(deps, presented, sessionOf(request))
    },
  })

  app.post('/oauth/:provider/step-up', {
    config: asUser,
    schema: {
      tags: ['federation'],
      summary: 'Authenticate once more at a provider, for what needs it fresh',
      description:
        'For users without a second factor. The provider is asked to take a credential now and must say when it did; Google does not. Goes on as /link does, with POST /oauth/step-up.',
      params: ProviderId,
      body: BeginForSessionBody,
      response: { 200: ProviderUrl, 404: Problem, ...problems },
    },
    handler: async (request) => {
      const { userId, sessionId } = callerOf(request)
      await assertStepsUpElsewhere(deps, userId)
      const purpose = { kind: 'step_up', userId, sessionId } as const
      return {
        url: await makeTicket(deps, { ...request.body, providerId: request.params.provider, purpose }),
      }
    },
  })

  app.post('/oauth/step-up', {
    config: asUser,
    schema: {
      tags: ['federation'],
      summary: 'Finish it, with the code that the browser came back with',
      description: 'The answer is that of POST /step-up.',
      body: FinishForSessionBody,
      response: { 200: Session, ...problems },
    },
    handler: async (request, reply) => {
      const presented = { ...request.body, browserSecret: app.browserSecrets.read(request) }
      const session = await stepUpElsewhere(deps, presented, sessionOf(request))
      const answer = sessionAnswer(deps, app.signAccessToken, session)
      return callerOf(request).via === 'cookie' ? app.cookieSessions.send(request, reply, answer) : answer
    },
  })
}
