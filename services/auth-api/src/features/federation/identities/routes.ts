import { Problem } from '@latchkey/contracts/http/answers'
import { Identities } from '@latchkey/contracts/http/federation'
import { Id } from '@latchkey/contracts/http/fields'
import { Type } from 'typebox'
import type { App } from '../../../app-types.js'
import type { Deps } from '../../../deps.js'
import { callerOf } from '../../../plugins/authentication.js'
import { originOf } from '../../../request-origin.js'
import { identityAnswer } from './identity-answer.js'
import { listIdentities } from './queries.js'
import { unlinkIdentity } from './unlink-identity.js'

const problems = { 401: Problem, 429: Problem, 503: Problem }
const asUser = { auth: 'session', limit: 'general' } as const

export function identityRoutes(app: App, deps: Deps): void {
  app.get('/identities', {
    config: asUser,
    schema: {
      tags: ['federation'],
      summary: 'The accounts at providers that can sign in to yours',
      response: { 200: Identities, ...problems },
    },
    handler: async (request) => {
      const rows = await listIdentities(deps.sql, callerOf(request).userId)
      return { identities: rows.map(identityAnswer) }
    },
  })

  app.delete('/identities/:id', {
    config: { ...asUser, freshAuth: true },
    schema: {
      tags: ['federation'],
      summary: 'Unlink one; the last way to sign in stays',
      params: Type.Object({ id: Id }),
      response: {
        204: Type.Null({ description: 'Done' }),
        400: Problem,
        403: Problem,
        404: Problem,
        409: Problem,
        ...problems,
      },
    },
    handler: async (request, reply) => {
      const { userId, sessionId } = callerOf(request)
      await unlinkIdentity(deps, request.params.id, { userId, sessionId, origin: originOf(request) })
      return reply.code(204).send(null)
    },
  })
}
