import { Type, type Static } from 'typebox'
import { securityEventTypes } from '../events.js'
import { allEventTypes } from '../webhooks.js'
import { pageParameters } from './admin.js'
import { Id, Time } from './fields.js'

const closed = { additionalProperties: false } as const
const nullable = <Schema extends ReturnType<typeof Type.String>>(schema: Schema) =>
  Type.Union([schema, Type.Null()])

const Url = Type.String({
  minLength: 1,
  maxLength: 2048,
  description: 'https, in a public network or one of OUTBOUND_ALLOWED_NETWORKS',
})
const Description = Type.String({ maxLength: 200, pattern: String.raw`^[^\u0000-\u001F\u007F]*$` })
const EventTypes = Type.Array(
  Type.Unsafe<string>({ type: 'string', enum: [allEventTypes, ...Object.keys(securityEventTypes)] }),
  { minItems: 1, maxItems: 100, uniqueItems: true, description: 'Types of events, or `*` for all' },
)
const Severity = Type.Unsafe<string>({ type: 'string', enum: ['info', 'notice', 'warning', 'critical'] })

export const Webhook = Type.Object(
  {
    id: Id,
    url: Type.String(),
    description: Type.String(),
    eventTypes: Type.Array(Type.String()),
    leastSeverity: Type.String(),
    enabled: Type.Boolean(),
    disabledAt: nullable(Time),
    disabledReason: Type.Union([Type.String(), Type.Null()], {
      description: '`admin`; `gone`, it answered 410; `failing`, nothing has worked for a day',
    }),
    failuresInARow: Type.Integer({ minimum: 0 }),
    failingSince: nullable(Time),
    pausedUntil: nullable(Time),
    createdAt: Time,
    updatedAt: Time,
    previousSecretExpiresAt: nullable(Time),
  },
  { $id: 'Webhook' },
)
export type Webhook = Static<typeof Webhook>

export const Webhooks = Type.Object({ webhooks: Type.Array(Webhook) }, { $id: 'Webhooks' })
export type Webhooks = Static<typeof Webhooks>

export const NewWebhookBody = Type.Object(
  {
    url: Url,
    description: Type.Optional(Description),
    eventTypes: Type.Optional(EventTypes),
    leastSeverity: Type.Optional(Severity),
  },
  { $id: 'NewWebhookBody', ...closed },
)
export type NewWebhookBody = Static<typeof NewWebhookBody>

export const ChangeWebhookBody = Type.Object(
  {
    url: Type.Optional(Url),
    description: Type.Optional(Description),
    eventTypes: Type.Optional(EventTypes),
    leastSeverity: Type.Optional(Severity),
    enabled: Type.Optional(Type.Boolean()),
  },
  { $id: 'ChangeWebhookBody', minProperties: 1, ...closed },
)
export type ChangeWebhookBody = Static<typeof ChangeWebhookBody>

const Secret = Type.String({ description: 'whsec_…; shown this once' })

export const WebhookCredentials = Type.Object(
  { webhookId: Id, secret: Secret },
  { $id: 'WebhookCredentials' },
)
export type WebhookCredentials = Static<typeof WebhookCredentials>

export const RotatedWebhookSecret = Type.Object(
  { webhookId: Id, secret: Secret, previousSecretExpiresAt: Time },
  { $id: 'RotatedWebhookSecret' },
)
export type RotatedWebhookSecret = Static<typeof RotatedWebhookSecret>

const deliveryStates = ['pending', 'delivered', 'dead'] as const
export type DeliveryState = (typeof deliveryStates)[number]

export const WebhookDelivery = Type.Object({
  eventId: Type.String({ format: 'uuid', description: 'Also the `webhook-id` of the request' }),
  type: nullable(Type.String({ description: 'Null when the event is not kept any more' })),
  occurredAt: Time,
  status: Type.Unsafe<DeliveryState>({ type: 'string', enum: [...deliveryStates] }),
  attempts: Type.Integer({ minimum: 0 }),
  dueAt: nullable(Time),
  settledAt: nullable(Time),
  reason: nullable(Type.String({ description: 'Of the last failure' })),
})
export type WebhookDelivery = Static<typeof WebhookDelivery>

export const WebhookDeliveries = Type.Object(
  {
    deliveries: Type.Array(WebhookDelivery),
    nextCursor: Type.Union([Type.String(), Type.Null()], { description: 'Null on the last page' }),
  },
  { $id: 'WebhookDeliveries' },
)
export type WebhookDeliveries = Static<typeof WebhookDeliveries>

export const DeliveryFilter = Type.Object(
  {
    ...pageParameters,
    status: Type.Optional(Type.Unsafe<DeliveryState>({ type: 'string', enum: [...deliveryStates] })),
  },
  closed,
)
export type DeliveryFilter = Static<typeof DeliveryFilter>

export const ReplayedDeliveries = Type.Object(
  { replayed: Type.Integer({ minimum: 0, description: 'At most 10,000; call again for more' }) },
  { $id: 'ReplayedDeliveries' },
)
export type ReplayedDeliveries = Static<typeof ReplayedDeliveries>
