import { Problem, SignInAnswer } from '@latchkey/contracts/http/answers'
import { LoginBody } from '@latchkey/contracts/http/bodies'
import { SessionModeHeader } from '@latchkey/contracts/http/headers'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { createSignInAnswer } from '../../plugins/sign-in-answer.js'
import { originOf } from '../../request-origin.js'
import { signInTools } from '../sessions/sign-in-tools.js'
import { countAttempt } from './count-attempt.js'
import { logIn } from './log-in.js'

export function loginRoutes(app: App, deps: Deps): void {
  const answerSignIn = createSignInAnswer(app, signInTools(deps, app))

  app.post('/login', {
    config: { auth: 'none', limit: 'login' },
    schema: {
      tags: ['account'],
      summary: 'Sign in by e-mail or username',
      headers: SessionModeHeader,
      body: LoginBody,
      response: { 200: SignInAnswer, 400: Problem, 401: Problem, 403: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      const inCookies = app.cookieSessions.isAskedFor(request)
      const origin = originOf(request)
      const pass = app.devicePasses.read(request)
      const rememberToken = request.body.rememberToken ?? app.rememberTokens.read(request)
      const signIn = await countAttempt(deps.metrics, 'login', () =>
        logIn(deps, request.body, { origin, pass, rememberToken }),
      )
      return answerSignIn(request, reply, { signIn, inCookies, origin })
    },
  })
}
