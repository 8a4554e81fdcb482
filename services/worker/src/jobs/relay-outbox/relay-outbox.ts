import { eventsPerJob } from '@latchkey/contracts/queues'
import { relayOutbox as relayBatch } from '@latchkey/platform/security-events/relay-outbox'
import type { Deps } from '../../deps.js'
import { noteStored } from '../persist-security-events/note-stored.js'

/** Empties the outbox, a job's worth of events at a time: into the queue, or into the table while Redis is away. */
export async function relayOutbox(
  {
    sql,
    redis,
    queues,
    revocations,
    metrics,
  }: Pick<Deps, 'sql' | 'redis' | 'queues' | 'revocations' | 'metrics'>,
  signal: AbortSignal,
): Promise<void> {
  let taken = eventsPerJob
  while (taken >= eventsPerJob && !signal.aborted) {
    const queue = redis.isAvailable() ? queues.securityEvents : null
    const { relayed, stored } = await relayBatch({ sql, queue, revocations, batch: eventsPerJob })
    noteStored(metrics, stored)
    taken = relayed
  }
}
