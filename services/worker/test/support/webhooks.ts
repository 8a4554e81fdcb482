import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { Test } from 'tap'
import { sealedWebhookPlace } from '@latchkey/contracts/webhooks'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Keyring } from '@latchkey/platform/crypto/keyring'
import { seal } from '@latchkey/platform/crypto/seal'
import type { Sql } from '@latchkey/platform/database/client'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { newSecurityEvent, type SecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '@latchkey/worker/deps'
import { deliverWebhooks } from '@latchkey/worker/jobs/deliver-webhooks/deliver-webhooks'
import { createTestDeps } from './test-deps.js'

export interface ReceivedWebhook {
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string
}

export interface Receiver {
  readonly url: string
  readonly received: ReceivedWebhook[]
  /** The most that were being answered at once. */
  readonly mostAtOnce: () => number
  /** Answers 204 unless it is told otherwise. */
  onRequest: (request: ReceivedWebhook, response: ServerResponse) => void | Promise<void>
}

/** A receiver of webhooks as operators have them. */
export async function startReceiver(t: Test): Promise<Receiver> {
  let open = 0
  let most = 0
  const receiver: Receiver = {
    url: '',
    received: [],
    mostAtOnce: () => most,
    onRequest: (_, response) => void response.writeHead(204).end(),
  }
  const server = createServer((request, response) => {
    most = Math.max(most, (open += 1))
    response.on('close', () => (open -= 1))
    void receive(request, response)
  })
  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const webhook = await readWebhook(request)
    receiver.received.push(webhook)
    await receiver.onRequest(webhook, response)
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return Object.assign(receiver, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

async function readWebhook(request: IncomingMessage): Promise<ReceivedWebhook> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
  )
  return { path: request.url ?? '', headers, body: Buffer.concat(parts).toString() }
}

/** What a receiver reads with the library for Standard Webhooks; throws what that throws. */
export function verify(secret: string, { body, headers }: ReceivedWebhook): unknown {
  return new Webhook(secret).verify(body, headers)
}

export interface TestEndpoint {
  readonly id: string
  readonly secret: string
}

export async function insertEndpoint(
  db: Sql,
  keyring: Keyring,
  url: string,
  { eventTypes = ['*'], leastSeverity = 'info' }: { eventTypes?: string[]; leastSeverity?: string } = {},
): Promise<TestEndpoint> {
  const id = newId()
  const key = randomBytes(32)
  const sealed = seal(keyring.current, key, sealedWebhookPlace(id))
  await db`
    INSERT INTO webhook_endpoints (id, url, description, event_types, least_severity, sealed_secret)
    VALUES (${id}, ${url}, '', ${eventTypes}, ${leastSeverity}, ${sealed})`
  return { id, secret: `whsec_${key.toString('base64')}` }
}

/** An installation without Redis, and a receiver that is forgotten between tests. */
export async function createWebhookRoom(t: Test) {
  const world = await createTestDeps(t, { redisUrl: null, outboundAllowedNetworks: ['127.0.0.1'] })
  const { deps, db } = world
  const receiver = await startReceiver(t)
  const { signal } = new AbortController()
  t.beforeEach(async () => {
    await db`DELETE FROM webhook_endpoints`
    await db`DELETE FROM webhook_deliveries`
    receiver.received.length = 0
    receiver.onRequest = (_, response) => void response.writeHead(204).end()
  })
  return {
    ...world,
    receiver,
    insertHere: (filter: Parameters<typeof insertEndpoint>[3] = {}): Promise<TestEndpoint> =>
      insertEndpoint(db, deps.keyring, `${receiver.url}/hook`, filter),
    async happen(count = 1): Promise<SecurityEvent[]> {
      const events = Array.from({ length: count }, () =>
        newSecurityEvent('login.failed', { ip: '203.0.113.7' }),
      )
      await persistSecurityEvents(deps.sql, events)
      return events
    },
    deliver: ({ id }: TestEndpoint, bring: Partial<Deps> = {}): Promise<void> =>
      deliverWebhooks({ ...deps, ...bring }, id, signal),
    answer(status: number, headers: Record<string, string> = {}): void {
      receiver.onRequest = (_, response) => void response.writeHead(status, headers).end()
    },
  }
}

export interface DeliveryRow {
  readonly eventId: string
  readonly status: string | null
  readonly reason: string | null
  readonly attempts: number
  /** Seconds until it is due. */
  readonly dueIn: number
}

export async function deliveryRows(db: Sql, endpointId: string): Promise<DeliveryRow[]> {
  return db<DeliveryRow[]>`
    SELECT event_id, status, reason, attempts, extract(epoch FROM due_at - now())::float8 AS due_in
    FROM webhook_deliveries WHERE endpoint_id = ${endpointId} ORDER BY event_id`
}

export interface EndpointState {
  readonly failures: number
  readonly pausedFor: number | null
  readonly disabledReason: string | null
}

export async function endpointState(db: Sql, endpointId: string): Promise<EndpointState | undefined> {
  const [row] = await db<EndpointState[]>`
    SELECT failures, extract(epoch FROM paused_until - now())::float8 AS paused_for, disabled_reason
    FROM webhook_endpoints WHERE id = ${endpointId}`
  return row
}

/** As if so many seconds had passed for endpoints and deliveries. */
export async function moveWebhookClock(db: Sql, seconds: number): Promise<void> {
  const interval = `${seconds} seconds`
  await db`
    UPDATE webhook_deliveries SET
      waiting_since = waiting_since - ${interval}::interval, due_at = due_at - ${interval}::interval,
      settled_at = settled_at - ${interval}::interval`
  await db`
    UPDATE webhook_endpoints SET
      failing_since = failing_since - ${interval}::interval, paused_until = paused_until - ${interval}::interval,
      leased_until = leased_until - ${interval}::interval,
      previous_secret_expires_at = previous_secret_expires_at - ${interval}::interval`
}
