import { Problem, SignInAnswer } from '@latchkey/contracts/http/answers'
import { AppError } from '@latchkey/contracts/errors'
import {
  BeginQuery,
  CallbackQuery,
  ExchangeBody,
  GoogleBody,
  GoogleNonce,
  GoogleNonceBody,
  ProviderId,
  Providers,
} from '@latchkey/contracts/http/federation'
import { SessionModeHeader } from '@latchkey/contracts/http/headers'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { createSignInAnswer } from '../../plugins/sign-in-answer.js'
import { originOf } from '../../request-origin.js'
import { countAttempt } from '../login/count-attempt.js'
import { signInTools } from '../sessions/sign-in-tools.js'
import { answerCallback } from './answer-callback.js'
import { exchangeCode } from './exchange-code.js'
import { leadToProvider } from './lead-to-provider.js'
import { lostPage } from './lost-page.js'
import { makeGoogleNonce, signInWithGoogle } from './sign-in-with-google.js'
import { hashSecret } from './step-secrets.js'

const problems = { 400: Problem, 404: Problem, 429: Problem, 503: Problem }
const refusals = { 401: Problem, 403: Problem, 409: Problem }
const open = { auth: 'none', limit: 'login' } as const
const LedOn = Type.Null({ description: 'Leads on, by `Location`' })

export function federationRoutes(app: App, deps: Deps): void {
  const answerSignIn = createSignInAnswer(app, signInTools(deps, app))

  app.get('/oauth', {
    config: { auth: 'none', limit: 'general' },
    schema: {
      tags: ['federation'],
      summary: 'Where people may sign in as well, for the buttons of a sign-in page',
      response: { 200: Providers, 429: Problem },
    },
    handler: () => ({ providers: [...deps.identityProviders.list] }),
  })

  // Neither has a HEAD: it would begin something, or use it up, for whoever only looks at a link.
  app.get('/oauth/:provider', {
    exposeHeadRoute: false,
    config: { auth: 'none', limit: 'general' },
    schema: {
      tags: ['federation'],
      summary: 'Sign in elsewhere: a page for the browser to open',
      description:
        'Leads to the provider, and in the end back to `returnTo`, with `code` for POST /oauth/exchange or with the code of an `error`.',
      params: ProviderId,
      querystring: BeginQuery,
      response: { 303: LedOn, ...problems },
    },
    handler: async (request, reply) => {
      const secret = app.browserSecrets.give(request, reply)
      const url = await leadToProvider(deps, request.params.provider, request.query, secret)
      return reply.redirect(url, 303)
    },
  })

  app.get('/oauth/:provider/callback', {
    exposeHeadRoute: false,
    config: open,
    schema: { hide: true, params: ProviderId, querystring: CallbackQuery }, // for providers, by way of a browser
    handler: async (request, reply) => {
      const [, query = ''] = (request.raw.url ?? '').split('?', 2)
      const callback = {
        providerId: request.params.provider,
        parameters: new URLSearchParams(query),
        browserSecret: app.browserSecrets.read(request),
        origin: originOf(request),
      }
      try {
        return await reply.redirect(await answerCallback(deps, callback), 303)
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'one_time_token_invalid') throw error
        const { headers, html } = lostPage
        return reply.code(400).headers(headers).send(html)
      }
    },
  })

  app.post('/oauth/exchange', {
    config: open,
    schema: {
      tags: ['federation'],
      summary: 'Sign in with the code that the browser came back with',
      description:
        'Within a minute, once, and only where the sign-in was begun: by the cookie of GET /oauth/:provider, or with the `codeVerifier` of its `codeChallenge`. A second factor is asked for as ever. In `amr` it is `fed`.',
      headers: SessionModeHeader,
      body: ExchangeBody,
      response: { 200: SignInAnswer, ...problems, ...refusals },
    },
    handler: async (request, reply) => {
      const inCookies = app.cookieSessions.isAskedFor(request)
      const origin = originOf(request)
      const presented = { ...request.body, browserSecret: app.browserSecrets.read(request) }
      const signIn = await countAttempt(deps.metrics, 'oauth', () => exchangeCode(deps, presented, origin))
      return answerSignIn(request, reply, { signIn, inCookies, origin })
    },
  })

  app.post('/oauth/google/nonce', {
    config: { auth: 'none', limit: 'general' },
    schema: {
      tags: ['federation'],
      summary: 'The nonce for Google Identity Services, before its button is shown',
      description:
        'Good for ten minutes, once, and only here: by a cookie, or with the `codeVerifier` of the `codeChallenge`.',
      body: GoogleNonceBody,
      response: { 200: GoogleNonce, ...problems },
    },
    handler: async (request, reply) => {
      const challenge = request.body?.codeChallenge
      const holderHash =
        challenge === undefined
          ? hashSecret(app.browserSecrets.give(request, reply))
          : Buffer.from(challenge, 'base64url')
      return makeGoogleNonce(deps, holderHash)
    },
  })

  app.post('/google', {
    config: open,
    schema: {
      tags: ['federation'],
      summary: 'Sign in with the credential of Google Identity Services',
      description: 'With the nonce of POST /oauth/google/nonce in it.',
      headers: SessionModeHeader,
      body: GoogleBody,
      response: { 200: SignInAnswer, ...problems, ...refusals },
    },
    handler: async (request, reply) => {
      const inCookies = app.cookieSessions.isAskedFor(request)
      const origin = originOf(request)
      const presented = { ...request.body, browserSecret: app.browserSecrets.read(request) }
      const signIn = await countAttempt(deps.metrics, 'oauth', () =>
        signInWithGoogle(deps, presented, origin),
      )
      return answerSignIn(request, reply, { signIn, inCookies, origin })
    },
  })
}
