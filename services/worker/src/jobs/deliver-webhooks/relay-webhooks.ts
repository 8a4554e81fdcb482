import { deliverWebhooksJob } from '@latchkey/contracts/queues'
import type { Queue } from '@latchkey/platform/queue/queues'
import type { Deps } from '../../deps.js'
import type { DeliverDeps } from './deliver-event.js'
import { deliverWebhooks } from './deliver-webhooks.js'
import { findEndpointsWithDue } from './queries.js'

type RelayDeps = DeliverDeps & Pick<Deps, 'queues' | 'redis'>

/**
 * Queues a job for each endpoint that something is due for; while Redis is away, sends. A job for an endpoint and not for each delivery: so
 * none waits behind another's thousands, each having a place of its own.
 */
export async function relayWebhooks(deps: RelayDeps, signal: AbortSignal): Promise<void> {
  const { queues, redis, sql } = deps
  const endpoints = await findEndpointsWithDue(sql)
  if (endpoints.length === 0) return
  if (redis.isAvailable() && (await addToQueue(queues.webhooks, endpoints))) return
  const sending = endpoints.map(({ endpointId }) => deliverWebhooks(deps, endpointId, signal))
  const failure = (await Promise.allSettled(sending)).find((result) => result.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}

/**
 * The id keeps an endpoint from having two jobs. Nothing is left of one that has ended, however it did: what failed stands in the rows of
 * the deliveries, and a job that was kept would keep the next from being made.
 */
async function addToQueue(queue: Queue, endpoints: readonly { endpointId: string }[]): Promise<boolean> {
  try {
    await queue.addBulk(
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
