import { setTimeout as sleep } from 'node:timers/promises'
import { sealedWebhookPlace } from '@latchkey/contracts/webhooks'
import { open } from '@latchkey/platform/crypto/seal'
import { toAppError } from '@latchkey/platform/database/errors'
import type { Deps } from '../../deps.js'
import { failingTooLongSeconds, nextTrySeconds, readRetryAfter } from '../../webhooks/delivery-schedule.js'
import { signWebhook } from '../../webhooks/sign-webhook.js'
import { webhookBody, type DeliveredEvent } from '../../webhooks/webhook-message.js'
import {
  disableEndpoint,
  noteDelivered,
  noteFailed,
  noteUndeliverable,
  type DeliveryKey,
  type DueDelivery,
  type EndpointRow,
} from './queries.js'

export type DeliverDeps = Pick<Deps, 'keyring' | 'log' | 'metrics' | 'outbound' | 'sql'>

/** Within the lease of the endpoint: later another worker may send the same again. */
const noteForMs = 8000
const noteEveryMs = 1000

interface Refusal {
  readonly reason: string
  readonly retryAfterSeconds: number
  readonly isGone: boolean
}

/**
 * Sends one event to one endpoint and writes down what came of it; false when no more should be sent there now. An event comes twice
 * when a receiver has taken it and nobody could write that down, or its answer was lost: then under the same id.
 */
export async function deliverEvent(
  deps: DeliverDeps,
  endpointId: string,
  endpoint: EndpointRow,
  { eventId, attempts, event }: DueDelivery,
): Promise<boolean> {
  const { log, metrics, sql } = deps
  const key = { endpointId, eventId }
  if (event === null) {
    await noteUndeliverable(sql, key, 'the event is not kept any more')
    metrics.webhookDeliveriesTotal.inc({ status: 'dead' })
    return true
  }
  const refusal = await send(deps, endpointId, endpoint, event)
  if (refusal === null) {
    await noteSurely(deps, key, () => noteDelivered(sql, key))
    metrics.webhookDeliveriesTotal.inc({ status: 'delivered' })
    return true
  }
  const failures = attempts + 1
  const { reason, retryAfterSeconds } = refusal
  const seconds = refusal.isGone ? null : nextTrySeconds(failures, retryAfterSeconds)
  const trouble = await noteSurely(deps, key, () =>
    noteFailed(sql, key, { seconds, retryAfterSeconds, reason }),
  )
  metrics.webhookDeliveriesTotal.inc({ status: seconds === null ? 'dead' : 'retried' })
  const told = { ...key, host: new URL(endpoint.url).host, reason, tries: failures }
  if (seconds === null)
    log.error(told, 'A webhook could not be delivered and is given up until it is replayed')
  else log.warn(told, 'A webhook could not be delivered and is tried again')
  if (trouble === null) return false
  const isHopeless = trouble.failingSeconds >= failingTooLongSeconds
  if (refusal.isGone || isHopeless) {
    if (await disableEndpoint(sql, endpointId, refusal.isGone ? 'gone' : 'failing'))
      log.error(told, 'A webhook is disabled: nothing is sent to it until an admin enables it')
    return false
  }
  return !trouble.isPaused
}

/** Null when the receiver has taken it. */
async function send(
  { keyring, outbound }: DeliverDeps,
  endpointId: string,
  { url, sealedSecret, sealedPreviousSecret }: EndpointRow,
  event: DeliveredEvent,
): Promise<Refusal | null> {
  const sealed = sealedPreviousSecret === null ? [sealedSecret] : [sealedSecret, sealedPreviousSecret]
  try {
    const secrets = sealed.map((secret) => open(keyring, secret, sealedWebhookPlace(endpointId)))
    const body = webhookBody(event)
    const response = await outbound.fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'latchkey-webhooks',
        ...signWebhook({ id: event.id, body, sentAt: new Date() }, secrets),
      },
      body,
    })
    if (response.ok) return null
    return {
      reason: `status ${response.status}`,
      retryAfterSeconds: readRetryAfter(response.headers.get('retry-after'), Date.now()),
      isGone: response.status === 410,
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { reason, retryAfterSeconds: 0, isGone: false }
  }
}

/** What was sent is told also to a PostgreSQL that is away for a moment. */
async function noteSurely<T>({ log }: DeliverDeps, key: DeliveryKey, note: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + noteForMs
  for (;;) {
    try {
      return await note()
    } catch (error) {
      if (toAppError(error)?.status !== 503 || performance.now() > deadline) throw error
      log.warn({ err: error, ...key }, 'A webhook was sent, and PostgreSQL is away to be told')
      await sleep(noteEveryMs)
    }
  }
}
