import type { Sql } from '@latchkey/platform/database/client'
import type { DeliveredEvent } from '../../webhooks/webhook-message.js'
import { breakerAfter, firstPauseSeconds, longestPauseSeconds } from '../../webhooks/delivery-schedule.js'

/** Endpoints with something due that nobody is sending to. */
export async function findEndpointsWithDue(sql: Sql): Promise<{ endpointId: string }[]> {
  return sql<{ endpointId: string }[]>`
    SELECT id AS endpoint_id FROM webhook_endpoints e
    WHERE ${isReady(sql)} AND (leased_until IS NULL OR leased_until <= now())
      AND EXISTS (SELECT FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND settled_at IS NULL AND due_at <= now())`
}

export interface EndpointLease {
  readonly endpointId: string
  /** Names the lease. */
  readonly lease: number
}

/** Makes an endpoint ours to send to; null when it is somebody else's, paused, disabled or gone. */
export async function leaseEndpoint(
  sql: Sql,
  endpointId: string,
  leaseSeconds: number,
): Promise<EndpointLease | null> {
  const [row] = await sql<EndpointLease[]>`
    UPDATE webhook_endpoints SET leases = leases + 1, leased_until = now() + make_interval(secs => ${leaseSeconds})
    WHERE id = ${endpointId} AND ${isReady(sql)} AND (leased_until IS NULL OR leased_until <= now())
    RETURNING id AS endpoint_id, leases AS lease`
  return row ?? null
}

export interface EndpointRow {
  readonly url: string
  readonly sealedSecret: Buffer
  /** Null when there is none that still signs. */
  readonly sealedPreviousSecret: Buffer | null
  /** In a row. */
  readonly failures: number
}

/** The endpoint as an admin has it now, ours for `leaseSeconds` more; null when it is not ours any more. */
export async function renewLease(
  sql: Sql,
  { endpointId, lease }: EndpointLease,
  leaseSeconds: number,
): Promise<EndpointRow | null> {
  const [row] = await sql<EndpointRow[]>`
    UPDATE webhook_endpoints SET leased_until = now() + make_interval(secs => ${leaseSeconds})
    WHERE id = ${endpointId} AND leases = ${lease} AND ${isReady(sql)}
    RETURNING url, sealed_secret, failures,
      CASE WHEN previous_secret_expires_at > now() THEN sealed_previous_secret END AS sealed_previous_secret`
  return row ?? null
}

export async function releaseLease(sql: Sql, { endpointId, lease }: EndpointLease): Promise<void> {
  await sql`UPDATE webhook_endpoints SET leased_until = NULL WHERE id = ${endpointId} AND leases = ${lease}`
}

const isReady = (sql: Sql) => sql`disabled_at IS NULL AND (paused_until IS NULL OR paused_until <= now())`

export interface DueDelivery {
  readonly eventId: string
  /** Tries so far. */
  readonly attempts: number
  /** As it is now, under a pseudonym where somebody was erased; null when it is not kept any more. */
  readonly event: DeliveredEvent | null
}

/** What is due, the worst first and then what waits longest. */
export async function findDueDeliveries(sql: Sql, endpointId: string, limit: number): Promise<DueDelivery[]> {
  const rows = await sql<(DeliveredEvent & { eventId: string; attempts: number; isKept: boolean })[]>`
    SELECT d.event_id, d.attempts, e.id IS NOT NULL AS is_kept, d.event_id AS id, d.occurred_at, e.type, e.severity,
      e.user_id, e.actor_id, e.session_id, host(e.ip) AS ip_address, e.user_agent, e.request_id, e.trace_id, e.data
    FROM (
      SELECT event_id, occurred_at, attempts, urgency, due_at FROM webhook_deliveries
      WHERE endpoint_id = ${endpointId} AND settled_at IS NULL AND due_at <= now()
      ORDER BY urgency, due_at
      LIMIT ${limit}
    ) d
    LEFT JOIN security_events e ON e.occurred_at = d.occurred_at AND e.id = d.event_id
    ORDER BY d.urgency, d.due_at`
  return rows.map(({ eventId, attempts, isKept, ...event }) => ({
    eventId,
    attempts,
    event: isKept ? event : null,
  }))
}

export interface DeliveryKey {
  readonly endpointId: string
  readonly eventId: string
}

/** Ends a delivery's story, and an endpoint's bad time. */
export async function noteDelivered(sql: Sql, { endpointId, eventId }: DeliveryKey): Promise<void> {
  await sql`
    WITH settled AS (
      UPDATE webhook_deliveries SET settled_at = now(), status = 'delivered', reason = NULL, attempts = attempts + 1
      WHERE endpoint_id = ${endpointId} AND event_id = ${eventId} AND settled_at IS NULL
    )
    UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, paused_until = NULL
    WHERE id = ${endpointId} AND failures > 0`
}

/** Gives a delivery up through no fault of its endpoint. */
export async function noteUndeliverable(
  sql: Sql,
  { endpointId, eventId }: DeliveryKey,
  reason: string,
): Promise<void> {
  await sql`
    UPDATE webhook_deliveries SET settled_at = now(), status = 'dead', reason = ${reason}
    WHERE endpoint_id = ${endpointId} AND event_id = ${eventId} AND settled_at IS NULL`
}

export interface EndpointTrouble {
  readonly isPaused: boolean
  readonly failingSeconds: number
}

/**
 * Puts a delivery off by `seconds`, or gives it up when that is null, and counts against its endpoint. What fails while the endpoint is
 * paused was under way with what has paused it, and is one failure with that. Null when the endpoint is gone.
 */
export async function noteFailed(
  sql: Sql,
  { endpointId, eventId }: DeliveryKey,
  {
    seconds,
    retryAfterSeconds,
    reason,
  }: { seconds: number | null; retryAfterSeconds: number; reason: string },
): Promise<EndpointTrouble | null> {
  const [trouble] = await sql<EndpointTrouble[]>`
    WITH noted AS (
      UPDATE webhook_deliveries SET
        attempts = attempts + 1, reason = ${reason},
        due_at = now() + make_interval(secs => ${seconds ?? 0}),
        settled_at = CASE WHEN ${seconds === null} THEN now() END, status = CASE WHEN ${seconds === null} THEN 'dead' END
      WHERE endpoint_id = ${endpointId} AND event_id = ${eventId} AND settled_at IS NULL
    )
    UPDATE webhook_endpoints SET
      failures = CASE WHEN paused_until > now() THEN failures ELSE failures + 1 END,
      failing_since = coalesce(failing_since, now()),
      paused_until = CASE
        WHEN paused_until > now() THEN paused_until
        ELSE nullif(now() + make_interval(secs => greatest(${retryAfterSeconds}, CASE WHEN failures + 1 >= ${breakerAfter}
          THEN least(${firstPauseSeconds} * 2.0 ^ least(failures + 1 - ${breakerAfter}, 20), ${longestPauseSeconds}) ELSE 0 END)), now())
        END
    WHERE id = ${endpointId}
    RETURNING coalesce(paused_until > now(), false) AS is_paused,
      extract(epoch FROM now() - failing_since)::float8 AS failing_seconds`
  return trouble ?? null
}

/** For as long as no admin enables it again, nothing more is made due for it. Tells of it; false when it was disabled before, or is gone. */
export async function disableEndpoint(
  sql: Sql,
  endpointId: string,
  reason: 'gone' | 'failing',
): Promise<boolean> {
  const { count } = await sql`
    WITH disabled AS (
      UPDATE webhook_endpoints SET disabled_at = now(), disabled_reason = ${reason}
      WHERE id = ${endpointId} AND disabled_at IS NULL
      RETURNING id, url
    )
    INSERT INTO outbox (type, severity, data)
    SELECT 'webhook.disabled', 'critical', jsonb_build_object(
      'webhookId', id, 'host', substring(url FROM '^https?://([^/?#]+)'), 'reason', ${reason}::text)
    FROM disabled`
  return count > 0
}

/** Gives up at most `limit` deliveries that have waited for `maxAgeSeconds`; answers how many. */
export async function giveUpOldDeliveries(
  sql: Sql,
  { maxAgeSeconds, limit }: { maxAgeSeconds: number; limit: number },
): Promise<number> {
  const { count } = await sql`
    UPDATE webhook_deliveries SET settled_at = now(), status = 'dead', reason = coalesce(reason, 'it was never tried')
    WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM webhook_deliveries
      WHERE settled_at IS NULL AND waiting_since <= now() - make_interval(secs => ${maxAgeSeconds})
      LIMIT ${limit}
      FOR UPDATE SKIP LOCKED))`
  return count
}

/** Deletes at most `limit` deliveries that were settled `keepSeconds` ago; answers how many. */
export async function deleteSettledDeliveries(
  sql: Sql,
  { status, keepSeconds, limit }: { status: 'delivered' | 'dead'; keepSeconds: number; limit: number },
): Promise<number> {
  // Each status has an index of its own, which is only used where its name stands in the statement.
  const isOfStatus = status === 'dead' ? sql`status = 'dead'` : sql`status = 'delivered'`
  const { count } = await sql`
    DELETE FROM webhook_deliveries WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM webhook_deliveries
      WHERE ${isOfStatus} AND settled_at <= now() - make_interval(secs => ${keepSeconds})
      LIMIT ${limit}
      FOR UPDATE SKIP LOCKED))`
  return count
}

/** Endpoints that were deleted and have deliveries yet: found by a look into the index for each endpoint, however many deliveries there are. */
export async function findDeletedEndpoints(sql: Sql): Promise<{ endpointId: string }[]> {
  return sql<{ endpointId: string }[]>`
    WITH RECURSIVE addressed AS (
      (SELECT endpoint_id FROM webhook_deliveries ORDER BY endpoint_id LIMIT 1)
      UNION ALL
      SELECT next.endpoint_id FROM addressed, LATERAL (
        SELECT endpoint_id FROM webhook_deliveries d WHERE d.endpoint_id > addressed.endpoint_id ORDER BY endpoint_id LIMIT 1
      ) AS next
    )
    SELECT endpoint_id FROM addressed WHERE NOT EXISTS (SELECT FROM webhook_endpoints WHERE id = endpoint_id)`
}

/** Deletes at most `limit` deliveries to an endpoint; answers how many. */
export async function deleteDeliveriesTo(sql: Sql, endpointId: string, limit: number): Promise<number> {
  const { count } = await sql`
    DELETE FROM webhook_deliveries WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM webhook_deliveries WHERE endpoint_id = ${endpointId} LIMIT ${limit} FOR UPDATE SKIP LOCKED))`
  return count
}

export interface SealedSecrets {
  readonly id: string
  readonly sealedSecret: Buffer
  readonly sealedPreviousSecret: Buffer | null
}

export async function listSealedSecrets(sql: Sql): Promise<SealedSecrets[]> {
  return sql<SealedSecrets[]>`SELECT id, sealed_secret, sealed_previous_secret FROM webhook_endpoints`
}

/** Unless the secret was replaced in the meantime. */
export async function replaceSealedSecrets(
  sql: Sql,
  { id, sealedSecret }: Pick<SealedSecrets, 'id' | 'sealedSecret'>,
  resealed: Omit<SealedSecrets, 'id'>,
): Promise<void> {
  await sql`
    UPDATE webhook_endpoints SET sealed_secret = ${resealed.sealedSecret}, sealed_previous_secret = ${resealed.sealedPreviousSecret}
    WHERE id = ${id} AND sealed_secret = ${sealedSecret}`
}

/** Secrets that sign no more are forgotten. */
export async function forgetPreviousSecrets(sql: Sql): Promise<void> {
  await sql`
    UPDATE webhook_endpoints SET sealed_previous_secret = NULL, previous_secret_expires_at = NULL
    WHERE previous_secret_expires_at <= now()`
}
