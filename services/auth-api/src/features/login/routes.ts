import { Problem, Session } from '@latchkey/contracts/http/answers'
import { LoginBody } from '@latchkey/contracts/http/bodies'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { originOf } from '../../request-origin.js'
import { sessionAnswer } from '../sessions/session-answer.js'
import { countAttempt } from './count-attempt.js'
import { logIn } from './log-in.js'

export function loginRoutes(app: App, deps: Deps): void {
  app.post('/login', {
    config: { auth: 'none', limit: 'login' },
    schema: {
      tags: ['account'],
      summary: 'Sign in by e-mail or username',
      body: LoginBody,
      response: { 200: Session, 400: Problem, 401: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request) => {
      const opened = await countAttempt(deps.metrics, 'login', () =>
        logIn(deps, request.body, originOf(request)),
      )
      return sessionAnswer(deps, app.signAccessToken, opened)
    },
  })
}
