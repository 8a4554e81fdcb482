import { Problem, Session, VerificationRequired } from '@latchkey/contracts/http/answers'
import { RegisterBody } from '@latchkey/contracts/http/bodies'
import { SessionModeHeader } from '@latchkey/contracts/http/headers'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { originOf } from '../../request-origin.js'
import { countAttempt } from '../login/count-attempt.js'
import { describePasswordRules } from '../passwords/password-policy.js'
import { endReplacedSession } from '../sessions/cookie-session.js'
import { sessionAnswer } from '../sessions/session-answer.js'
import { awaitRegistration } from './await-registration.js'
import { registerUser } from './register-user.js'

export function registrationRoutes(app: App, deps: Deps): void {
  const cookieDeps = { ...deps, verifyAccessToken: app.verifyAccessToken }

  for (const url of ['/register', '/signup']) {
    app.post(url, {
      config: { auth: 'none', limit: 'register' },
      schema: {
        tags: ['account'],
        summary: url === '/register' ? 'Register and sign in' : 'The same as /register',
        description: describePasswordRules(deps.config),
        headers: SessionModeHeader,
        body: RegisterBody,
        response: {
          201: Session,
          202: VerificationRequired,
          400: Problem,
          403: Problem,
          409: Problem,
          429: Problem,
          503: Problem,
        },
      },
      handler: async (request, reply) => {
        const inCookies = app.cookieSessions.isAskedFor(request)
        const origin = originOf(request)
        if (deps.config.requireEmailVerification) {
          await countAttempt(deps.metrics, 'register', () => awaitRegistration(deps, request.body, origin))
          return reply.code(202).send({ status: 'verification_required' })
        }
        const opened = await countAttempt(deps.metrics, 'register', () =>
          registerUser(deps, request.body, origin),
        )
        reply.code(201)
        const session = sessionAnswer(deps, app.signAccessToken, opened)
        if (!inCookies) return reply.send(session)
        await endReplacedSession(cookieDeps, app.cookieSessions.tokensOf(request), origin)
        return app.cookieSessions.send(request, reply, session)
      },
    })
  }
}
