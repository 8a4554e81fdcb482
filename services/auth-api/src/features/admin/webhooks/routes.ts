import { Problem } from '@latchkey/contracts/http/answers'
import { Id } from '@latchkey/contracts/http/fields'
import {
  ChangeWebhookBody,
  DeliveryFilter,
  NewWebhookBody,
  ReplayedDeliveries,
  RotatedWebhookSecret,
  Webhook,
  WebhookCredentials,
  WebhookDeliveries,
  Webhooks,
} from '@latchkey/contracts/http/webhooks'
import { Type } from 'typebox'
import type { App } from '../../../app-types.js'
import type { Deps } from '../../../deps.js'
import { adminOf, forAdmins, forReaders, IdParameter, NoContent, problems } from '../routes.js'
import { listDeliveries, replayDead, replayDelivery } from './deliveries.js'
import {
  changeWebhook,
  createWebhook,
  deleteWebhook,
  getWebhook,
  listWebhooks,
  rotateWebhookSecret,
  testWebhook,
} from './manage-webhooks.js'

const Accepted = Type.Null({ description: 'It is sent in a moment' })
const DeliveryParameters = Type.Object(
  { id: Id, eventId: Type.String({ format: 'uuid' }) },
  { additionalProperties: false },
)
const ofOne = { ...problems, 404: Problem }

export function webhookRoutes(app: App, deps: Deps): void {
  app.get('/webhooks', {
    config: forReaders,
    schema: {
      tags: ['admin'],
      summary: 'The webhooks, and how they fare',
      response: { 200: Webhooks, ...problems },
    },
    handler: async () => ({ webhooks: await listWebhooks(deps) }),
  })

  app.post('/webhooks', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Make a webhook',
      description:
        'Its secret is in the answer and nowhere else. Without `eventTypes` it hears of everything.',
      body: NewWebhookBody,
      response: { 201: WebhookCredentials, ...problems },
    },
    handler: async (request, reply) => {
      reply.code(201)
      return createWebhook(deps, adminOf(request), request.body)
    },
  })

  app.get('/webhooks/:id', {
    config: forReaders,
    schema: {
      tags: ['admin'],
      summary: 'A webhook',
      params: IdParameter,
      response: { 200: Webhook, ...ofOne },
    },
    handler: (request) => getWebhook(deps, request.params.id),
  })

  app.patch('/webhooks/:id', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Change a webhook, or enable it again',
      description:
        'While it is disabled nothing more is kept for it; what waited already is sent when it is enabled within three days.',
      params: IdParameter,
      body: ChangeWebhookBody,
      response: { 200: Webhook, ...ofOne },
    },
    handler: (request) => changeWebhook(deps, adminOf(request), request.params.id, request.body),
  })

  app.delete('/webhooks/:id', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Delete a webhook, with all that waits for it',
      params: IdParameter,
      response: { 204: NoContent, ...ofOne },
    },
    handler: async (request, reply) => {
      await deleteWebhook(deps, adminOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  })

  app.post('/webhooks/:id/rotate-secret', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Give a webhook a new secret',
      description: 'For a day every request is signed by both, so that the receiver can change over.',
      params: IdParameter,
      response: { 200: RotatedWebhookSecret, ...ofOne },
    },
    handler: (request) => rotateWebhookSecret(deps, adminOf(request), request.params.id),
  })

  app.post('/webhooks/:id/test', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Send a webhook an event of type webhook.tested',
      params: IdParameter,
      response: { 202: Accepted, ...ofOne },
    },
    handler: async (request, reply) => {
      await testWebhook(deps, adminOf(request), request.params.id)
      return reply.code(202).send(null)
    },
  })

  app.get('/webhooks/:id/deliveries', {
    config: forReaders,
    schema: {
      tags: ['admin'],
      summary: 'What was sent to a webhook, or is to be; the newest event first',
      description:
        'Delivered ones are kept for 7 days, dead ones for 30. A page may be shorter than asked for while `nextCursor` says that there is more.',
      params: IdParameter,
      querystring: DeliveryFilter,
      response: { 200: WebhookDeliveries, ...ofOne },
    },
    handler: (request) => listDeliveries(deps, request.params.id, request.query),
  })

  app.post('/webhooks/:id/deliveries/:eventId/replay', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Send an event once more that was delivered or given up',
      params: DeliveryParameters,
      response: { 202: Accepted, ...ofOne },
    },
    handler: async (request, reply) => {
      await replayDelivery(deps, adminOf(request), request.params)
      return reply.code(202).send(null)
    },
  })

  app.post('/webhooks/:id/replay', {
    config: forAdmins,
    schema: {
      tags: ['admin'],
      summary: 'Send once more all that was given up',
      params: IdParameter,
      response: { 202: ReplayedDeliveries, ...ofOne },
    },
    handler: async (request, reply) => {
      reply.code(202)
      return { replayed: await replayDead(deps, adminOf(request), request.params.id) }
    },
  })
}
