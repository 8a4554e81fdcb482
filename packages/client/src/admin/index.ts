import type {
  AdminEvents,
  AdminSessions,
  AdminStats,
  AdminUser,
  AdminUsers,
  ChangeUserBody,
  ClientCredentials,
  CreateUserBody,
  EventFilter,
  FailedJobs,
  NewClientBody,
  RotateSecretBody,
  ServiceClients,
  SessionFilter,
  UserFilter,
} from '@latchkey/contracts/http/admin'
import type {
  AcknowledgeBody,
  Alert,
  AlertFilter,
  Alerts,
  AlertWithEvents,
} from '@latchkey/contracts/http/alerts'
import type { RevokedCount } from '@latchkey/contracts/http/answers'
import type {
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
import { ownRoute, type Route } from '../routes/route.js'

interface Id {
  id: string
}
interface Page {
  cursor?: string
  limit?: string
}

const adminRoute = <Input, Output>(route: string): Route<Input, Output> => ownRoute(route, '/admin')

export const listUsers = /* @__PURE__ */ adminRoute<UserFilter | undefined, AdminUsers>('GET /users')
export const createUser = /* @__PURE__ */ adminRoute<CreateUserBody, AdminUser>('POST /users')
export const getUser = /* @__PURE__ */ adminRoute<Id, AdminUser>('GET /users/:id')
export const changeUser = /* @__PURE__ */ adminRoute<Id & ChangeUserBody, AdminUser>('PATCH /users/:id')
export const deleteUser = /* @__PURE__ */ adminRoute<Id, null>('DELETE /users/:id')
export const resetSecondFactors = /* @__PURE__ */ adminRoute<Id, null>('POST /users/:id/reset-2fa')
export const signOutUser = /* @__PURE__ */ adminRoute<Id, RevokedCount>('POST /users/:id/logout-all')
export const listSessionsOfUser = /* @__PURE__ */ adminRoute<Id & Page, AdminSessions>(
  'GET /users/:id/sessions',
)

export const listAllSessions = /* @__PURE__ */ adminRoute<SessionFilter | undefined, AdminSessions>(
  'GET /sessions',
)
export const endAnySession = /* @__PURE__ */ adminRoute<Id, null>('DELETE /sessions/:id')
export const listAllEvents = /* @__PURE__ */ adminRoute<EventFilter | undefined, AdminEvents>('GET /events')
export const getStats = /* @__PURE__ */ adminRoute<undefined, AdminStats>('GET /stats')

export const listAlerts = /* @__PURE__ */ adminRoute<AlertFilter | undefined, Alerts>('GET /alerts')
export const getAlert = /* @__PURE__ */ adminRoute<Id, AlertWithEvents>('GET /alerts/:id')
export const acknowledgeAlert = /* @__PURE__ */ adminRoute<Id & AcknowledgeBody, Alert>(
  'POST /alerts/:id/acknowledge',
)

export const listServiceClients = /* @__PURE__ */ adminRoute<undefined, ServiceClients>('GET /clients')
export const createServiceClient = /* @__PURE__ */ adminRoute<NewClientBody, ClientCredentials>(
  'POST /clients',
)
export const rotateServiceClientSecret = /* @__PURE__ */ adminRoute<Id & RotateSecretBody, ClientCredentials>(
  'POST /clients/:id/rotate-secret',
)
export const disableServiceClient = /* @__PURE__ */ adminRoute<Id, null>('DELETE /clients/:id')

export const listWebhooks = /* @__PURE__ */ adminRoute<undefined, Webhooks>('GET /webhooks')
export const createWebhook = /* @__PURE__ */ adminRoute<NewWebhookBody, WebhookCredentials>('POST /webhooks')
export const getWebhook = /* @__PURE__ */ adminRoute<Id, Webhook>('GET /webhooks/:id')
export const changeWebhook = /* @__PURE__ */ adminRoute<Id & ChangeWebhookBody, Webhook>(
  'PATCH /webhooks/:id',
)
export const deleteWebhook = /* @__PURE__ */ adminRoute<Id, null>('DELETE /webhooks/:id')
export const rotateWebhookSecret = /* @__PURE__ */ adminRoute<Id, RotatedWebhookSecret>(
  'POST /webhooks/:id/rotate-secret',
)
export const testWebhook = /* @__PURE__ */ adminRoute<Id, null>('POST /webhooks/:id/test')
export const listDeliveries = /* @__PURE__ */ adminRoute<Id & DeliveryFilter, WebhookDeliveries>(
  'GET /webhooks/:id/deliveries',
)
export const replayDelivery = /* @__PURE__ */ adminRoute<Id & { eventId: string }, null>(
  'POST /webhooks/:id/deliveries/:eventId/replay',
)
export const replayDeliveries = /* @__PURE__ */ adminRoute<Id, ReplayedDeliveries>(
  'POST /webhooks/:id/replay',
)

export const listFailedJobs = /* @__PURE__ */ adminRoute<{ queue: string }, FailedJobs>(
  'GET /queues/:queue/failed',
)
export const retryJob = /* @__PURE__ */ adminRoute<Id & { queue: string }, null>(
  'POST /queues/:queue/jobs/:id/retry',
)
export const removeJob = /* @__PURE__ */ adminRoute<Id & { queue: string }, null>(
  'DELETE /queues/:queue/jobs/:id',
)
