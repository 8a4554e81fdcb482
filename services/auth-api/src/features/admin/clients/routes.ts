import {
  ClientCredentials,
  NewClientBody,
  RotateSecretBody,
  ServiceClients,
} from '@latchkey/contracts/http/admin'
import { Problem } from '@latchkey/contracts/http/answers'
import { Type } from 'typebox'
import type { App } from '../../../app-types.js'
import type { Deps } from '../../../deps.js'
import { adminOf, forAdmins, forReaders, IdParameter, NoContent, problems } from '../routes.js'
import { createClient, endClient, listClients, rotateSecret } from './manage-clients.js'

export function clientRoutes(app: App, deps: Deps): void {
  app.get('/clients', {
    config: forReaders,
    schema: {
      tags: ['admin'],
      summary: 'The service clients, by name',
      response: { 200: ServiceClients, ...problems },
    },
    handler: async () => ({ clients: await listClients(deps) }),
  })

  app.post('/clients', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Make a service client',
      description: 'Its secret is in the answer and nowhere else: only a hash of it is kept.',
      body: NewClientBody,
      response: { 201: ClientCredentials, ...problems },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return createClient(deps, adminOf(request), request.body)
    },
  })

  app.post('/clients/:id/rotate-secret', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Give a service client a new secret',
      description:
        'The one before stays good for `keepSeconds`, so that the new one can be brought to every machine.',
      params: IdParameter,
      body: Type.Optional(RotateSecretBody),
      response: { 200: ClientCredentials, ...problems, 404: Problem },
    },
    handler: (request) =>
      rotateSecret(deps, adminOf(request), { id: request.params.id, keepSeconds: request.body?.keepSeconds }),
  })

  app.delete('/clients/:id', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'End a service client, for good',
      params: IdParameter,
      response: { 204: NoContent, ...problems, 404: Problem },
    },
    handler: async (request, reply) => {
      await endClient(deps, adminOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
}
