import { CsrfToken, Problem } from '@latchkey/contracts/http/answers'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { findCookieSession } from '../sessions/cookie-session.js'

export function csrfRoutes(app: App, deps: Deps): void {
  app.get('/csrf-token', {
    config: { auth: 'none', limit: 'general' },
    schema: {
      tags: ['sessions'],
      summary: 'The token that ties requests with cookies to their session',
      description:
        'For X-CSRF-Token. The same while the session in the cookies is the same; ask again after a sign-in and after csrf_invalid.',
      security: [{}, { sessionCookie: [] }, { refreshCookie: [] }],
      response: { 200: CsrfToken, 403: Problem, 429: Problem },
    },
    handler: async (request, reply) => {
      const cookieDeps = { keyring: deps.keyring, verifyAccessToken: app.verifyAccessToken }
      const sessionId = await findCookieSession(cookieDeps, app.cookieSessions.tokensOf(request))
      return { csrfToken: app.cookieSessions.giveCsrfToken(request, reply, sessionId) }
    },
  })
}
