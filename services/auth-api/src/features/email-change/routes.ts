import { Problem, VerificationRequired } from '@latchkey/contracts/http/answers'
import { ChangeEmailBody, LinkBody } from '@latchkey/contracts/http/bodies'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { callerOf } from '../../plugins/authentication.js'
import { originOf } from '../../request-origin.js'
import { confirmEmailChange } from './confirm-email-change.js'
import { requestEmailChange } from './request-email-change.js'
import { undoEmailChange } from './undo-email-change.js'

const done = Type.Null({ description: 'Done' })

export function emailChangeRoutes(app: App, deps: Deps): void {
  app.post('/change-email', {
    config: { auth: 'session', limit: 'general', freshAuth: true },
    schema: {
      tags: ['account'],
      summary: 'Ask for another e-mail address',
      description:
        'It becomes the address once the link in the mail to it is followed; the present one is told. Answered alike when ' +
        'another account has the address.',
      body: ChangeEmailBody,
      response: {
        202: VerificationRequired,
        400: Problem,
        401: Problem,
        403: Problem,
        429: Problem,
        503: Problem,
      },
    },
    handler: async (request, reply) => {
      const { userId, sessionId } = callerOf(request)
      const pass = app.devicePasses.read(request)
      await requestEmailChange(deps, { ...request.body, userId, sessionId, pass, origin: originOf(request) })
      return reply.code(202).send({ status: 'verification_required' })
    },
  })

  app.post('/change-email/confirm', {
    config: { auth: 'none', limit: 'general' },
    schema: {
      tags: ['account'],
      summary: 'Change the e-mail address',
      description: 'With the token of the link in the mail to the new address. Sessions go on.',
      body: LinkBody,
      response: { 204: done, 400: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      await confirmEmailChange(deps, request.body.token, originOf(request))
      return reply.code(204).send(null)
    },
  })

  app.post('/change-email/undo', {
    config: { auth: 'none', limit: 'general' },
    schema: {
      tags: ['account'],
      summary: 'Undo a change of the e-mail address',
      description:
        'With the token of the link in the mail to the former address, for seven days. It ends all sessions and the password; a ' +
        'mail with a link to a new one follows.',
      body: LinkBody,
      response: { 204: done, 400: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      await undoEmailChange(deps, request.body.token, originOf(request))
      return reply.code(204).send(null)
    },
  })
}
