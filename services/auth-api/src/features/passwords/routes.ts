import { Problem } from '@latchkey/contracts/http/answers'
import { ChangePasswordBody } from '@latchkey/contracts/http/bodies'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { callerOf } from '../../plugins/authentication.js'
import { originOf } from '../../request-origin.js'
import { changePassword } from './change-password.js'
import { describePasswordRules } from './password-policy.js'

export function passwordsRoutes(app: App, deps: Deps): void {
  app.post('/change-password', {
    config: { auth: 'session', limit: 'general', freshAuth: 'second_factor' },
    schema: {
      tags: ['account'],
      summary: 'Change the password and end all other sessions',
      description: describePasswordRules(deps.config),
      body: ChangePasswordBody,
      response: {
        204: Type.Null({ description: 'Done' }),
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
      const at = await changePassword(deps, {
        ...request.body,
        userId,
        sessionId,
        pass,
        origin: originOf(request),
      })
      // It has just proved itself, and keeps its pass. All others have lost theirs.
      app.devicePasses.give(request, reply, { userId, at })
      return reply.code(204).send(null)
    },
  })
}
