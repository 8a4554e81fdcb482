import {
  ChallengeAnswer,
  EnrolledSession,
  Problem,
  RecoveryCodes,
  SecondFactors,
  TotpSetup,
} from '@latchkey/contracts/http/answers'
import {
  ChallengeBody,
  EnrolmentBody,
  EnrolmentVerifyBody,
  SecondFactorBody,
  TotpVerifyBody,
} from '@latchkey/contracts/http/bodies'
import { SessionModeHeader } from '@latchkey/contracts/http/headers'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { callerOf } from '../../plugins/authentication.js'
import { createSignInAnswer } from '../../plugins/sign-in-answer.js'
import { originOf } from '../../request-origin.js'
import { countAttempt } from '../login/count-attempt.js'
import { signInTools } from '../sessions/sign-in-tools.js'
import { answerChallenge } from './answer-challenge.js'
import { disableSecondFactor } from './disable-second-factor.js'
import { enableTotp } from './enable-totp.js'
import { enrolRequiredTotp, setUpRequiredTotp } from './enrol-totp.js'
import { readSecondFactors } from './read-second-factors.js'
import { replaceRecoveryCodes } from './replace-recovery-codes.js'
import { setUpTotp } from './set-up-totp.js'

const problems = { 400: Problem, 401: Problem, 403: Problem, 429: Problem, 503: Problem }
const asUser = { auth: 'session', limit: 'general' } as const

export function mfaRoutes(app: App, deps: Deps): void {
  const answerSignIn = createSignInAnswer(app, signInTools(deps, app))
  const caller = (request: FastifyRequest) => {
    const { userId, sessionId } = callerOf(request)
    return { userId, sessionId, origin: originOf(request), pass: app.devicePasses.read(request) }
  }

  app.post('/2fa/challenge', {
    config: { auth: 'none', limit: 'login' },
    schema: {
      tags: ['account'],
      summary: 'Complete a sign-in with the second factor',
      description:
        'With the `mfaToken` of a sign-in that answered `mfaRequired`, and either a code or a recovery code. With `rememberDevice` and a code the ' +
        'device is asked for the password alone for a while.',
      headers: SessionModeHeader,
      body: ChallengeBody,
      response: { 200: ChallengeAnswer, ...problems },
    },
    handler: async (request, reply) => {
      const inCookies = app.cookieSessions.isAskedFor(request)
      const origin = originOf(request)
      const pass = app.devicePasses.read(request)
      const completed = await countAttempt(deps.metrics, '2fa', () =>
        answerChallenge(deps, request.body, { origin, pass }),
      )
      return answerSignIn(request, reply, { ...completed, inCookies, origin })
    },
  })

  app.post('/2fa/enrolment/setup', {
    config: { auth: 'none', limit: 'login' },
    schema: {
      tags: ['account'],
      summary: 'Begin to set up the authenticator app that a sign-in asks for',
      description: 'With the `mfaToken` of a sign-in that answered `mfaEnrolmentRequired`.',
      body: EnrolmentBody,
      response: { 200: TotpSetup, ...problems },
    },
    handler: (request) => setUpRequiredTotp(deps, request.body.mfaToken),
  })

  app.post('/2fa/enrolment/verify', {
    config: { auth: 'none', limit: 'login' },
    schema: {
      tags: ['account'],
      summary: 'Complete that sign-in with a code of what was set up',
      description: 'The recovery codes are shown this once. All other sessions end.',
      headers: SessionModeHeader,
      body: EnrolmentVerifyBody,
      response: { 200: EnrolledSession, ...problems },
    },
    handler: async (request, reply) => {
      const inCookies = app.cookieSessions.isAskedFor(request)
      const origin = originOf(request)
      const { session, recoveryCodes } = await countAttempt(deps.metrics, '2fa', () =>
        enrolRequiredTotp(deps, { ...request.body, origin }),
      )
      const signIn = { kind: 'session', session } as const
      return answerSignIn(request, reply, { signIn, inCookies, recoveryCodes, origin })
    },
  })

  app.get('/2fa', {
    config: asUser,
    schema: {
      tags: ['second factor'],
      summary: 'Which second factors you have',
      response: { 200: SecondFactors, ...problems },
    },
    handler: (request) => readSecondFactors(deps, callerOf(request).userId),
  })

  app.post('/2fa/setup', {
    config: { ...asUser, freshAuth: true },
    schema: {
      tags: ['second factor'],
      summary: 'Begin to set up an authenticator app',
      description:
        'Nothing is in force before POST /2fa/verify. Whoever has a second factor sets up a new one beside it.',
      response: { 200: TotpSetup, ...problems },
    },
    handler: (request) => setUpTotp(deps, callerOf(request).userId),
  })

  app.post('/2fa/verify', {
    config: { ...asUser, freshAuth: true },
    schema: {
      tags: ['second factor'],
      summary: 'Put what was set up in force, with a code of it, and end all other sessions',
      description: 'The recovery codes are shown this once. Refresh for an access token that says `aal` 2.',
      body: TotpVerifyBody,
      response: { 200: RecoveryCodes, ...problems },
    },
    handler: async (request) => ({
      recoveryCodes: await enableTotp(deps, { ...request.body, ...caller(request) }),
    }),
  })

  app.post('/2fa/recovery-codes', {
    config: asUser,
    schema: {
      tags: ['second factor'],
      summary: 'Get new recovery codes in place of those you have',
      body: SecondFactorBody,
      response: { 200: RecoveryCodes, ...problems },
    },
    handler: async (request) => ({
      recoveryCodes: await replaceRecoveryCodes(deps, { ...request.body, ...caller(request) }),
    }),
  })

  app.post('/2fa/disable', {
    config: asUser,
    schema: {
      tags: ['second factor'],
      summary: 'Remove the second factor and end all other sessions',
      body: SecondFactorBody,
      response: { 204: Type.Null({ description: 'Done' }), ...problems },
    },
    handler: async (request, reply) => {
      await disableSecondFactor(deps, { ...request.body, ...caller(request) })
      return reply.code(204).send(null)
    },
  })
}
