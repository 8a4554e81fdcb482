import { AppError } from '@latchkey/contracts/errors'
import { EnrolledSession, Problem, Session } from '@latchkey/contracts/http/answers'
import { EnrolmentBody } from '@latchkey/contracts/http/bodies'
import { Id } from '@latchkey/contracts/http/fields'
import { SessionModeHeader } from '@latchkey/contracts/http/headers'
import {
  PasskeyAdded,
  PasskeyCreationOptions,
  PasskeyEnrolmentBody,
  PasskeyList,
  PasskeyLoginBody,
  PasskeyLoginOptionsBody,
  PasskeyNameBody,
  PasskeyRegistrationBody,
  PasskeyRequestOptions,
} from '@latchkey/contracts/http/passkeys'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { callerOf } from '../../plugins/authentication.js'
import { createSignInAnswer } from '../../plugins/sign-in-answer.js'
import { originOf } from '../../request-origin.js'
import { countAttempt } from '../login/count-attempt.js'
import { signInTools } from '../sessions/sign-in-tools.js'
import { addPasskey } from './add-passkey.js'
import { beginSecondFactor, beginSignIn, beginStepUp } from './begin-assertion.js'
import { beginRegistration } from './begin-registration.js'
import { sessionBinding } from './challenges/challenge.js'
import { beginRequiredPasskey, enrolRequiredPasskey } from './enrol-passkey.js'
import { passkeyAnswer } from './passkey-answer.js'
import { listPasskeysOf, renamePasskey } from './queries.js'
import { removePasskey } from './remove-passkey.js'
import { signInByPasskey } from './sign-in-by-passkey.js'

const problems = { 400: Problem, 401: Problem, 403: Problem, 429: Problem, 503: Problem }
const asUser = { auth: 'session', limit: 'general' } as const
const PasskeyId = Type.Object({ id: Id }, { additionalProperties: false })
const NoContent = Type.Null({ description: 'Done' })

export function passkeyRoutes(app: App, deps: Deps): void {
  const answerSignIn = createSignInAnswer(app, signInTools(deps, app))
  const caller = (request: FastifyRequest) => {
    const { userId, sessionId } = callerOf(request)
    return { userId, sessionId, origin: originOf(request) }
  }

  app.post('/passkeys/login/options', {
    // One for each visit of a page that offers passkeys, so it counts as that.
    config: { auth: 'none', limit: 'general' },
    schema: {
      tags: ['passkeys'],
      summary: 'Begin to sign in with a passkey',
      description:
        'For navigator.credentials.get, once and for five minutes. With the `mfaToken` of a sign-in that waits for the second factor: for POST /2fa/challenge.',
      body: Type.Optional(PasskeyLoginOptionsBody),
      response: { 200: PasskeyRequestOptions, 400: Problem, 429: Problem, 503: Problem },
    },
    handler: (request) => {
      const mfaToken = request.body?.mfaToken
      return mfaToken === undefined ? beginSignIn(deps) : beginSecondFactor(deps, mfaToken)
    },
  })

  app.post('/passkeys/login/verify', {
    config: { auth: 'none', limit: 'login' },
    schema: {
      tags: ['passkeys'],
      summary: 'Sign in with a passkey, without a name and a password',
      description: 'A passkey is two factors, so that no other is asked for.',
      headers: SessionModeHeader,
      body: PasskeyLoginBody,
      response: { 200: Session, ...problems },
    },
    handler: async (request, reply) => {
      const inCookies = app.cookieSessions.isAskedFor(request)
      const origin = originOf(request)
      const signIn = await countAttempt(deps.metrics, 'passkey', () =>
        signInByPasskey(deps, request.body, origin),
      )
      return answerSignIn(request, reply, { signIn, inCookies, origin })
    },
  })

  app.post('/passkeys/step-up/options', {
    config: asUser,
    schema: {
      tags: ['passkeys'],
      summary: 'Begin to authenticate once more with a passkey',
      description: 'For navigator.credentials.get, whose answer goes to POST /step-up.',
      response: { 200: PasskeyRequestOptions, ...problems },
    },
    handler: (request) => beginStepUp(deps, caller(request)),
  })

  app.post('/passkeys/register/options', {
    config: { ...asUser, freshAuth: true },
    schema: {
      tags: ['passkeys'],
      summary: 'Begin to add a passkey',
      description: 'For navigator.credentials.create, once and for five minutes.',
      response: { 200: PasskeyCreationOptions, 409: Problem, ...problems },
    },
    handler: (request) => {
      const { userId, sessionId } = callerOf(request)
      return beginRegistration(deps, { userId, boundTo: sessionBinding(sessionId) })
    },
  })

  app.post('/passkeys/register/verify', {
    // Not asked for fresh authentication once more: the challenge was given for it minutes ago, to this session, and by now there is a
    // passkey on the user's device that would open nothing.
    config: asUser,
    schema: {
      tags: ['passkeys'],
      summary: 'Add the passkey that was made',
      description: 'Without a name it is called by the browser. The recovery codes are shown this once.',
      body: PasskeyRegistrationBody,
      response: { 201: PasskeyAdded, 409: Problem, ...problems },
    },
    handler: async (request, reply) => {
      const { sessionId } = callerOf(request)
      const registration = { ...request.body, ...caller(request), boundTo: sessionBinding(sessionId) }
      return reply.code(201).send(await addPasskey(deps, registration))
    },
  })

  app.post('/passkeys/enrolment/options', {
    config: { auth: 'none', limit: 'login' },
    schema: {
      tags: ['passkeys'],
      summary: 'Begin to make the passkey that a sign-in asks for',
      description: 'With the `mfaToken` of a sign-in that answered `mfaEnrolmentRequired`.',
      body: EnrolmentBody,
      response: { 200: PasskeyCreationOptions, ...problems },
    },
    handler: (request) => beginRequiredPasskey(deps, request.body.mfaToken),
  })

  app.post('/passkeys/enrolment/verify', {
    config: { auth: 'none', limit: 'login' },
    schema: {
      tags: ['passkeys'],
      summary: 'Complete that sign-in with the passkey that was made',
      description: 'The recovery codes are shown this once. All other sessions end.',
      headers: SessionModeHeader,
      body: PasskeyEnrolmentBody,
      response: { 200: EnrolledSession, ...problems },
    },
    handler: async (request, reply) => {
      const inCookies = app.cookieSessions.isAskedFor(request)
      const origin = originOf(request)
      const { session, recoveryCodes } = await countAttempt(deps.metrics, 'passkey', () =>
        enrolRequiredPasskey(deps, { ...request.body, origin }),
      )
      const signIn = { kind: 'session', session } as const
      return answerSignIn(request, reply, { signIn, inCookies, recoveryCodes, origin })
    },
  })

  app.get('/passkeys', {
    config: asUser,
    schema: {
      tags: ['passkeys'],
      summary: 'Which passkeys you have',
      response: { 200: PasskeyList, ...problems },
    },
    handler: async (request) => {
      const rows = await listPasskeysOf(deps.sql, callerOf(request).userId)
      return { passkeys: rows.map(passkeyAnswer) }
    },
  })

  app.patch('/passkeys/:id', {
    config: asUser,
    schema: {
      tags: ['passkeys'],
      summary: 'Give a passkey another name',
      params: PasskeyId,
      body: PasskeyNameBody,
      response: { 204: NoContent, 404: Problem, ...problems },
    },
    handler: async (request, reply) => {
      const { userId } = callerOf(request)
      const isFound = await renamePasskey(deps.sql, { ...request.params, ...request.body, userId })
      if (!isFound) throw new AppError('not_found')
      return reply.code(204).send(null)
    },
  })

  app.delete('/passkeys/:id', {
    config: { ...asUser, freshAuth: true },
    schema: {
      tags: ['passkeys'],
      summary: 'Remove a passkey',
      description: 'Here only: remove it from your device, too, so that it is not offered any more.',
      params: PasskeyId,
      response: { 204: NoContent, 404: Problem, 409: Problem, ...problems },
    },
    handler: async (request, reply) => {
      await removePasskey(deps, { ...request.params, ...caller(request) })
      return reply.code(204).send(null)
    },
  })
}
