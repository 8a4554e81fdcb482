import { OwnEvents, Problem } from '@latchkey/contracts/http/answers'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { callerOf } from '../../plugins/authentication.js'
import { listOwnEvents } from './list-own-events.js'

const pageSize = 50

/** Texts, because nothing that is sent is converted. */
const Page = Type.Object(
  {
    cursor: Type.Optional(Type.String({ maxLength: 64, description: '`nextCursor` of the page before' })),
    limit: Type.Optional(
      Type.String({ pattern: '^(?:[1-9][0-9]?|100)$', description: `1 to 100; ${pageSize} without it` }),
    ),
  },
  { additionalProperties: false },
)

export function securityEventRoutes(app: App, deps: Deps): void {
  app.get('/events', {
    config: { auth: 'session', limit: 'general' },
    schema: {
      tags: ['account'],
      summary: 'What happened to the account, newest first',
      description:
        'Sign-ins, failed ones too, sessions that ended or changed their device, and changes of the account. ' +
        'An event is listed about a second after it happened.',
      querystring: Page,
      response: { 200: OwnEvents, 400: Problem, 401: Problem, 429: Problem, 503: Problem },
    },
    handler: (request) => {
      const { cursor, limit = String(pageSize) } = request.query
      return listOwnEvents(deps, { userId: callerOf(request).userId, cursor, limit: Number(limit) })
    },
  })
}
