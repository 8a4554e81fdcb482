import { Problem, Session } from '@latchkey/contracts/http/answers'
import { StepUpBody } from '@latchkey/contracts/http/bodies'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { callerOf } from '../../plugins/authentication.js'
import { originOf } from '../../request-origin.js'
import { sessionAnswer } from '../sessions/session-answer.js'
import { stepUp } from './step-up.js'

export function stepUpRoutes(app: App, deps: Deps): void {
  app.post('/step-up', {
    config: { auth: 'session', limit: 'general' },
    schema: {
      tags: ['sessions'],
      summary: 'Authenticate once more, for what needs it fresh',
      description:
        'After 403 `step_up_required`, with one of its `methods`. The answer has a new access token with a new `auth_time`; the refresh token stays what it is.',
      body: StepUpBody,
      response: { 200: Session, 400: Problem, 401: Problem, 403: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      const { userId, sessionId, via } = callerOf(request)
      const pass = app.devicePasses.read(request)
      const origin = originOf(request)
      const session = await stepUp(deps, { ...request.body, userId, sessionId, pass, origin })
      const answer = sessionAnswer(deps, app.signAccessToken, session)
      return via === 'cookie' ? app.cookieSessions.send(request, reply, answer) : answer
    },
  })
}
