import { breakerAfter } from '../../webhooks/delivery-schedule.js'
import { deliverEvent, type DeliverDeps } from './deliver-event.js'
import {
  findDueDeliveries,
  leaseEndpoint,
  releaseLease,
  renewLease,
  type DueDelivery,
  type EndpointRow,
} from './queries.js'

/** Requests that one endpoint has to answer at once, from all workers together. */
export const deliveriesAtOnce = 5
const deliveriesPerRound = 2 * deliveriesAtOnce
/** Two requests one after the other take 10 s at most, and as long may PostgreSQL be away; longer than a worker that died blocks. */
const leaseSeconds = 30
/** After which the others' turn comes, where jobs wait for a place. */
const turnMs = 20_000

/**
 * Sends an endpoint what is due for it. One worker does so at a time, by a lease in the endpoint's row, with or without a queue: so an
 * endpoint gets no more than `deliveriesAtOnce` requests, and nothing twice because two were at it.
 */
export async function deliverWebhooks(
  deps: DeliverDeps,
  endpointId: string,
  signal: AbortSignal,
): Promise<void> {
  const { sql } = deps
  const lease = await leaseEndpoint(sql, endpointId, leaseSeconds)
  if (lease === null) return
  try {
    const turnEndsAt = performance.now() + turnMs
    while (!signal.aborted && performance.now() < turnEndsAt) {
      const endpoint = await renewLease(sql, lease, leaseSeconds)
      if (endpoint === null) return
      // Whoever was away is asked by one whether it is back.
      const limit = endpoint.failures >= breakerAfter ? 1 : deliveriesPerRound
      const due = await findDueDeliveries(sql, endpointId, limit)
      if (due.length === 0) return
      await deliverAll(deps, endpointId, endpoint, due, signal)
    }
  } finally {
    await releaseLease(sql, lease)
  }
}

/** What is left when `signal` comes, or the endpoint is paused, stays due. */
async function deliverAll(
  deps: DeliverDeps,
  endpointId: string,
  endpoint: EndpointRow,
  due: readonly DueDelivery[],
  signal: AbortSignal,
): Promise<void> {
  const waiting = due.values()
  let goesOn = true

  async function deliverSome(): Promise<void> {
    for (const delivery of waiting) {
      if (signal.aborted || !goesOn) return
      const isOpen = await deliverEvent(deps, endpointId, endpoint, delivery)
      goesOn &&= isOpen
    }
  }

  const runs = Array.from({ length: deliveriesAtOnce }, deliverSome)
  const failure = (await Promise.allSettled(runs)).find((result) => result.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}
