import { Type, type Static } from 'typebox'
import { SecurityEvent } from './events.js'

/** BullMQ queue names. All share the prefix `<REDIS_KEY_PREFIX>bull`. */
export const queueNames = {
  securityEvents: 'security-events',
  maintenance: 'maintenance',
  mail: 'mail',
  webhooks: 'webhooks',
} as const
export type QueueName = (typeof queueNames)[keyof typeof queueNames]

/** Events per job at most. One INSERT a job; larger jobs gain nothing and block the worker's loop for longer. */
export const eventsPerJob = 500

export const PersistSecurityEventsPayload = Type.Object(
  { events: Type.Array(SecurityEvent, { minItems: 1, maxItems: eventsPerJob }) },
  { $id: 'PersistSecurityEventsPayload', additionalProperties: false },
)
export type PersistSecurityEventsPayload = Static<typeof PersistSecurityEventsPayload>

/** The name of the one kind of job in `security-events`. */
export const persistSecurityEventsJob = 'persist-security-events'

/** The name of the one kind of job in `mail`. */
export const sendMailJob = 'send-mail'

/** Names a mail; all else is read when it is sent. Any template, because a newer version may know more of them. */
export const SendMailPayload = Type.Object(
  { eventId: Type.String({ format: 'uuid' }), template: Type.String({ maxLength: 64 }) },
  { $id: 'SendMailPayload', additionalProperties: false },
)
export type SendMailPayload = Static<typeof SendMailPayload>

/** The name of the one kind of job in `webhooks`. */
export const deliverWebhooksJob = 'deliver-webhooks'

/** Names where something is due; what, and all else, is read when it is sent. */
export const DeliverWebhooksPayload = Type.Object(
  { endpointId: Type.String({ format: 'uuid' }) },
  { $id: 'DeliverWebhooksPayload', additionalProperties: false },
)
export type DeliverWebhooksPayload = Static<typeof DeliverWebhooksPayload>

/** Jobs of the `maintenance` queue; each is scheduled once whatever the number of workers. */
export const maintenanceJobs = [
  'relay-outbox',
  'clean-expired-tokens',
  'rotate-signing-keys',
  'roll-partitions',
  'apply-retention',
  'anchor-audit-log',
  'refresh-stats',
  'back-up',
  'report-on-database',
  'relay-mails',
  'clean-mails',
  'relay-webhooks',
  'clean-webhooks',
  'pseudonymise-erased',
  'detect-attacks',
  'clean-detection',
  'tell-operators',
  'clean-alerts',
] as const
export type MaintenanceJob = (typeof maintenanceJobs)[number]
