import { AdminSessions, SessionFilter } from '@latchkey/contracts/http/admin'
import { Problem } from '@latchkey/contracts/http/answers'
import type { App } from '../../../app-types.js'
import type { Deps } from '../../../deps.js'
import { adminOf, forAdmins, forReaders, IdParameter, NoContent, problems } from '../routes.js'
import { endSession } from './end-session.js'
import { listSessions } from './list-sessions.js'

export function sessionRoutes(app: App, deps: Deps): void {
  app.get('/sessions', {
    config: forReaders,
    schema: {
      tags: ['admin'],
      summary: 'Who is signed in, opened last first',
      querystring: SessionFilter,
      response: { 200: AdminSessions, ...problems },
    },
    handler: (request) => listSessions(deps, request.query),
  })

  app.delete('/sessions/:id', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'End a session of anybody',
      params: IdParameter,
      response: { 204: NoContent, ...problems, 404: Problem },
    },
    handler: async (request, reply) => {
      await endSession(deps, adminOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
}
