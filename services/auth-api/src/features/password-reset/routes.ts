import { MailRequested, Problem } from '@latchkey/contracts/http/answers'
import { ForgotPasswordBody, ResetPasswordBody } from '@latchkey/contracts/http/bodies'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { originOf } from '../../request-origin.js'
import { countAttempt } from '../login/count-attempt.js'
import { requestLink } from '../mail-links/request-link.js'
import { describePasswordRules } from '../passwords/password-policy.js'
import { resetPassword } from './reset-password.js'

export function passwordResetRoutes(app: App, deps: Deps): void {
  app.post('/forgot-password', {
    config: { auth: 'none', limit: 'reset' },
    schema: {
      tags: ['account'],
      summary: 'Ask for a mail with a link that sets a new password',
      description:
        'Answered alike whether an account has the address or not. The newest link is the only one that works.',
      body: ForgotPasswordBody,
      response: { 202: MailRequested, 400: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      await requestLink(deps, {
        purpose: 'reset_password',
        eventType: 'password.reset_requested',
        email: request.body.email,
        origin: originOf(request),
      })
      return reply.code(202).send({ status: 'sent_if_known' })
    },
  })

  app.post('/reset-password', {
    config: { auth: 'none', limit: 'login' }, // it costs a hash, as a sign-in does
    schema: {
      tags: ['account'],
      summary: 'Set a new password and end all sessions',
      description: `With the token of a link from /forgot-password. It signs nobody in. ${describePasswordRules(deps.config)}`,
      body: ResetPasswordBody,
      response: {
        204: Type.Null({ description: 'Done' }),
        400: Problem,
        429: Problem,
        503: Problem,
      },
    },
    handler: async (request, reply) => {
      const origin = originOf(request)
      await countAttempt(deps.metrics, 'reset', () => resetPassword(deps, request.body, origin))
      return reply.code(204).send(null)
    },
  })
}
