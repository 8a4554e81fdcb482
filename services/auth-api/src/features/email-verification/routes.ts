import { MailRequested, Problem } from '@latchkey/contracts/http/answers'
import { LinkBody, ResendVerificationBody } from '@latchkey/contracts/http/bodies'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { originOf } from '../../request-origin.js'
import { requestVerification } from './request-verification.js'
import { verifyEmail } from './verify-email.js'

export function emailVerificationRoutes(app: App, deps: Deps): void {
  app.post('/verify-email', {
    config: { auth: 'none', limit: 'general' },
    schema: {
      tags: ['account'],
      summary: 'Confirm an e-mail address, or complete a registration',
      description: 'With the token of a link from /register or /verify-email/resend. It signs nobody in.',
      body: LinkBody,
      response: {
        204: Type.Null({ description: 'Done' }),
        400: Problem,
        409: Problem,
        429: Problem,
        503: Problem,
      },
    },
    handler: async (request, reply) => {
      await verifyEmail(deps, request.body.token, originOf(request))
      return reply.code(204).send(null)
    },
  })

  app.post('/verify-email/resend', {
    config: { auth: 'none', limit: 'reset' },
    schema: {
      tags: ['account'],
      summary: 'Ask for another mail with a link that confirms an e-mail address',
      description: 'Answered alike whether the address is known, confirmed or neither.',
      body: ResendVerificationBody,
      response: { 202: MailRequested, 400: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      await requestVerification(deps, request.body.email, originOf(request))
      return reply.code(202).send({ status: 'sent_if_known' })
    },
  })
}
