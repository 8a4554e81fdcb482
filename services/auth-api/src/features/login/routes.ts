import { Problem, Session } from '@latchkey/contracts/http/answers'
import { LoginBody } from '@latchkey/contracts/http/bodies'
import { SessionModeHeader } from '@latchkey/contracts/http/headers'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { originOf } from '../../request-origin.js'
import { endReplacedSession } from '../sessions/cookie-session.js'
import { sessionAnswer } from '../sessions/session-answer.js'
import { countAttempt } from './count-attempt.js'
import { logIn } from './log-in.js'

export function loginRoutes(app: App, deps: Deps): void {
  const cookieDeps = { ...deps, verifyAccessToken: app.verifyAccessToken }

  app.post('/login', {
    config: { auth: 'none', limit: 'login' },
    schema: {
      tags: ['account'],
      summary: 'Sign in by e-mail or username',
      headers: SessionModeHeader,
      body: LoginBody,
      response: { 200: Session, 400: Problem, 401: Problem, 403: Problem, 429: Problem, 503: Problem },
    },
    handler: async (request, reply) => {
      const inCookies = app.cookieSessions.isAskedFor(request)
      const origin = originOf(request)
      const opened = await countAttempt(deps.metrics, 'login', () => logIn(deps, request.body, origin))
      const session = sessionAnswer(deps, app.signAccessToken, opened)
      if (!inCookies) return session
      await endReplacedSession(cookieDeps, app.cookieSessions.tokensOf(request), origin)
      return app.cookieSessions.send(request, reply, session)
    },
  })
}
