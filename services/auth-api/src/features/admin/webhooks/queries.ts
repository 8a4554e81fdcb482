import type { DeliveryState } from '@latchkey/contracts/http/webhooks'
import type { Sql } from '@latchkey/platform/database/client'
import type { ListPosition } from '../../../list-cursor.js'
import type { ActingAdmin } from '../acting-admin.js'
import { originOf } from '../queries.js'
import { walkedRows } from '../read-page.js'

export interface WebhookRow {
  id: string
  url: string
  description: string
  eventTypes: string[]
  leastSeverity: string
  createdAt: Date
  updatedAt: Date
  disabledAt: Date | null
  disabledReason: string | null
  failures: number
  failingSince: Date | null
  pausedUntil: Date | null
  previousSecretExpiresAt: Date | null
}

const webhookColumns = (sql: Sql) => sql`
  id, url, description, event_types, least_severity, created_at, updated_at, disabled_at, disabled_reason, failures, failing_since,
  CASE WHEN paused_until > now() THEN paused_until END AS paused_until,
  CASE WHEN previous_secret_expires_at > now() THEN previous_secret_expires_at END AS previous_secret_expires_at`

export async function listWebhookRows(sql: Sql): Promise<WebhookRow[]> {
  return sql<WebhookRow[]>`SELECT ${webhookColumns(sql)} FROM webhook_endpoints ORDER BY created_at, id`
}

export async function findWebhook(sql: Sql, id: string): Promise<WebhookRow | null> {
  const [row] = await sql<WebhookRow[]>`SELECT ${webhookColumns(sql)} FROM webhook_endpoints WHERE id = ${id}`
  return row ?? null
}

export interface NewWebhook {
  readonly id: string
  readonly url: string
  readonly description: string
  readonly eventTypes: readonly string[]
  readonly leastSeverity: string
  readonly sealedSecret: Buffer
}

/** False when there are `most` of them already. */
export async function insertWebhook(
  sql: Sql,
  admin: ActingAdmin,
  webhook: NewWebhook,
  most: number,
): Promise<boolean> {
  const [row] = await sql<{ isMade: boolean }[]>`
    SELECT create_webhook(${admin.sessionId}::uuid, ${webhook.id}::uuid, ${webhook.url}, ${webhook.description},
      ${[...webhook.eventTypes]}::text[], ${webhook.leastSeverity}, ${webhook.sealedSecret}, ${most}::integer,
      ${originOf(sql, admin)}) AS is_made`
  return row?.isMade === true
}

export interface WebhookChange {
  readonly url: string | null
  readonly description: string | null
  readonly eventTypes: readonly string[] | null
  readonly leastSeverity: string | null
  readonly isEnabled: boolean | null
}

/** What is null stays. False when there is none with this id. */
export async function updateWebhook(
  sql: Sql,
  admin: ActingAdmin,
  id: string,
  change: WebhookChange,
): Promise<boolean> {
  const types = change.eventTypes === null ? null : [...change.eventTypes]
  const [row] = await sql<{ isFound: boolean }[]>`
    SELECT change_webhook(${admin.sessionId}::uuid, ${id}::uuid, ${change.url}::text, ${change.description}::text, ${types}::text[],
      ${change.leastSeverity}::text, ${change.isEnabled}::boolean, ${originOf(sql, admin)}) AS is_found`
  return row?.isFound === true
}

/** False when there is none with this id. */
export async function deleteWebhookRow(sql: Sql, admin: ActingAdmin, id: string): Promise<boolean> {
  const [row] = await sql<{ isFound: boolean }[]>`
    SELECT delete_webhook(${admin.sessionId}::uuid, ${id}::uuid, ${originOf(sql, admin)}) AS is_found`
  return row?.isFound === true
}

/** When the secret from before stops to sign; null when there is none with this id. */
export async function replaceWebhookSecret(
  sql: Sql,
  admin: ActingAdmin,
  { id, sealedSecret, keepSeconds }: { id: string; sealedSecret: Buffer; keepSeconds: number },
): Promise<Date | null> {
  const [row] = await sql<{ expiresAt: Date | null }[]>`
    SELECT replace_webhook_secret(${admin.sessionId}::uuid, ${id}::uuid, ${sealedSecret}, ${keepSeconds}::integer,
      ${originOf(sql, admin)}) AS expires_at`
  return row?.expiresAt ?? null
}

/** Whether it is enabled, and so was sent one; null when there is none with this id. */
export async function insertTestEvent(sql: Sql, admin: ActingAdmin, id: string): Promise<boolean | null> {
  const [row] = await sql<{ isEnabled: boolean | null }[]>`
    SELECT test_webhook(${admin.sessionId}::uuid, ${id}::uuid, ${originOf(sql, admin)}) AS is_enabled`
  return row?.isEnabled ?? null
}

/** Makes the settled delivery of an event due again, or without an event the dead ones; answers how many. */
export async function replayDeliveries(
  sql: Sql,
  admin: ActingAdmin,
  { id, eventId, limit }: { id: string; eventId: string | null; limit: number },
): Promise<number> {
  const [row] = await sql<{ replayed: number }[]>`
    SELECT replay_deliveries(${admin.sessionId}::uuid, ${id}::uuid, ${eventId}::uuid, ${limit}::integer,
      ${originOf(sql, admin)}) AS replayed`
  return row?.replayed ?? 0
}

export interface DeliveryList {
  webhookId: string
  /** Id of an event; those of older ones are listed. */
  before: string
  status: DeliveryState | null
}

export interface DeliveryRow extends ListPosition {
  type: string | null
  occurredAt: Date
  status: DeliveryState
  attempts: number
  dueAt: Date
  settledAt: Date | null
  reason: string | null
}

/** The list is in the order of the ids of events, which tell when they were made. */
const isWalked = (sql: Sql, { webhookId, before }: DeliveryList) =>
  sql`endpoint_id = ${webhookId} AND event_id < ${before}::uuid`

export const deliveriesQuery = (sql: Sql, list: DeliveryList, limit: number) => sql<DeliveryRow[]>`
  SELECT d.event_id AS id, 0::bigint AS microseconds, e.type, d.occurred_at, coalesce(d.status, 'pending') AS status, d.attempts,
    d.due_at, d.settled_at, d.reason
  FROM (
    SELECT * FROM (
      SELECT * FROM webhook_deliveries WHERE ${isWalked(sql, list)} ORDER BY event_id DESC LIMIT ${walkedRows}
    ) walked
    WHERE ${list.status}::text IS NULL OR coalesce(status, 'pending') = ${list.status}
    ORDER BY event_id DESC
    LIMIT ${limit}
  ) d
  LEFT JOIN security_events e ON e.occurred_at = d.occurred_at AND e.id = d.event_id
  ORDER BY d.event_id DESC`

/** The last delivery that such a page has looked at; null when there were none left. */
export async function findEndOfDeliveries(sql: Sql, list: DeliveryList): Promise<ListPosition | null> {
  const [row] = await sql<ListPosition[]>`
    SELECT event_id AS id, 0::bigint AS microseconds FROM webhook_deliveries
    WHERE ${isWalked(sql, list)} ORDER BY event_id DESC
    OFFSET ${walkedRows - 1} LIMIT 1`
  return row ?? null
}
