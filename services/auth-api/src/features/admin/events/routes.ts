import { AdminEvents, EventFilter } from '@latchkey/contracts/http/admin'
import type { App } from '../../../app-types.js'
import type { Deps } from '../../../deps.js'
import { forReaders, problems } from '../routes.js'
import { listEvents } from './list-events.js'

export function eventRoutes(app: App, deps: Deps): void {
  app.get('/events', {
    config: forReaders,
    schema: {
      tags: ['admin'],
      summary: 'The security log, newest first',
      description:
        'An event is listed about a second after it happened. A page looks at 5,000 events at most: it may be shorter than asked ' +
        'for, or empty, while `nextCursor` says that there is more. `from` is included, `to` is not.',
      querystring: EventFilter,
      response: { 200: AdminEvents, ...problems },
    },
    handler: (request) => listEvents(deps, request.query),
  })
}
