import { Problem, SignInAnswer, VerificationRequired } from '@latchkey/contracts/http/answers'
import { RegisterBody } from '@latchkey/contracts/http/bodies'
import { SessionModeHeader } from '@latchkey/contracts/http/headers'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { createSignInAnswer } from '../../plugins/sign-in-answer.js'
import { originOf } from '../../request-origin.js'
import { countAttempt } from '../login/count-attempt.js'
import { describePasswordRules } from '../passwords/password-policy.js'
import { signInTools } from '../sessions/sign-in-tools.js'
import { awaitRegistration } from './await-registration.js'
import { registerUser } from './register-user.js'

export function registrationRoutes(app: App, deps: Deps): void {
  const answerSignIn = createSignInAnswer(app, signInTools(deps, app))

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
          201: SignInAnswer,
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
        const signIn = await countAttempt(deps.metrics, 'register', () =>
          registerUser(deps, request.body, origin),
        )
        reply.code(201)
        return answerSignIn(request, reply, { signIn, inCookies, origin })
      },
    })
  }
}
