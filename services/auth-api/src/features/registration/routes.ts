import { Problem, Session } from '@latchkey/contracts/http/answers'
import { RegisterBody } from '@latchkey/contracts/http/bodies'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { originOf } from '../../request-origin.js'
import { countAttempt } from '../login/count-attempt.js'
import { passwordRules } from '../passwords/password-policy.js'
import { sessionAnswer } from '../sessions/session-answer.js'
import { registerUser } from './register-user.js'

export function registrationRoutes(app: App, deps: Deps): void {
  for (const url of ['/register', '/signup']) {
    app.post(url, {
      config: { auth: 'none', limit: 'register' },
      schema: {
        tags: ['account'],
        summary: url === '/register' ? 'Register and sign in' : 'The same as /register',
        description: passwordRules,
        body: RegisterBody,
        response: { 201: Session, 400: Problem, 409: Problem, 429: Problem, 503: Problem },
      },
      handler: async (request, reply) => {
        const opened = await countAttempt(deps.metrics, 'register', () =>
          registerUser(deps, request.body, originOf(request)),
        )
        return reply.code(201).send(sessionAnswer(deps, app.signAccessToken, opened))
      },
    })
  }
}
