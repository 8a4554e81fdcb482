import { setTimeout as sleep } from 'node:timers/promises'
import { deliverWebhooksJob } from '@latchkey/contracts/queues'
import type { Deps } from '../../deps.js'
import type { DeliverDeps } from './deliver-event.js'
import { deliverWebhooks } from './deliver-webhooks.js'
import { findEndpointsWithDue } from './queries.js'

type RelayDeps = DeliverDeps & Pick<Deps, 'queues' | 'redis'>

/** How often one looks, while some are being sent to, for others that something has become due for. */
const lookEveryMs = 1000

/**
 * Queues a job for each endpoint that something is due for; while Redis is away, sends. A job for an endpoint and not for each delivery: so
 * none waits behind another's thousands, each having a place of its own.
 */
export async function relayWebhooks(deps: RelayDeps, signal: AbortSignal): Promise<void> {
  const running = new Map<string, Promise<void>>()
  const failures: unknown[] = []

  function startDelivering(endpointId: string): void {
    const run = deliverWebhooks(deps, endpointId, signal)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => running.delete(endpointId))
    running.set(endpointId, run)
  }

  try {
    do {
      const endpoints = signal.aborted ? [] : await findEndpointsWithDue(deps.sql)
      if (!(await addToQueue(deps, endpoints))) {
        for (const { endpointId } of endpoints) if (!running.has(endpointId)) startDelivering(endpointId)
      }
      await passTime(running)
    } while (running.size > 0)
  } finally {
    await Promise.all(running.values())
  }
  if (failures.length > 0) throw failures[0]
}

/** Until the next look, or until all that runs has ended. */
async function passTime(running: ReadonlyMap<string, Promise<void>>): Promise<void> {
  const timer = new AbortController()
  const time = sleep(lookEveryMs, undefined, { signal: timer.signal }).catch(() => undefined)
  await Promise.race([time, Promise.all(running.values())])
  timer.abort()
}

/**
 * The id keeps an endpoint from having two jobs. Nothing is left of one that has ended, however it did: what failed stands in the rows of
 * the deliveries, and a job that was kept would keep the next from being made.
 */
async function addToQueue(
  { queues, redis }: RelayDeps,
  endpoints: readonly { endpointId: string }[],
): Promise<boolean> {
  if (endpoints.length === 0) return true
  if (!redis.isAvailable()) return false
  try {
    await queues.webhooks.addBulk(
      endpoints.map(({ endpointId }) => ({
        name: deliverWebhooksJob,
        data: { endpointId },
        opts: { jobId: endpointId, attempts: 1, removeOnComplete: true, removeOnFail: true },
      })),
    )
    return true
  } catch {
    return false
  }
}
