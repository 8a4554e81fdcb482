import { Compile } from 'typebox/compile'
import { SecurityEvent } from '@latchkey/contracts/events'
import { eventsPerJob, persistSecurityEventsJob } from '@latchkey/contracts/queues'
import type { Sql } from '../database/client.js'
import type { Queue } from '../queue/queues.js'
import type { RevocationList } from '../revocation/revocation-list.js'
import { insertSecurityEvents, moveOutboxRows, takeOutboxRows, type EventCount } from './queries.js'

export interface RelayOutboxOptions {
  readonly sql: Sql
  /** Null: there is no Redis, so the events go straight to the table. */
  readonly queue: Queue | null
  readonly revocations: Pick<RevocationList, 'repeat'>
  /** Rows that one call takes at most. */
  readonly batch: number
}

export interface RelayedEvents {
  /** Rows that left the outbox. As many as `batch`: there may be more. */
  readonly relayed: number
  /** What was stored without the queue, by type and severity. */
  readonly stored: readonly EventCount[]
}

const eventValidator = Compile(SecurityEvent)

/** Events after which the access tokens of their session must not be accepted any more. */
const sessionEndings: ReadonlySet<string> = new Set(['session.revoked', 'session.reuse_detected'])

/**
 * Takes the oldest rows of the outbox to the queue; or, when the queue can't be reached, to the table. Several relays share the
 * work, as each passes over the rows that another holds.
 */
export async function relayOutbox(options: RelayOutboxOptions): Promise<RelayedEvents> {
  const { sql, queue, batch } = options
  if (queue !== null) {
    try {
      return await relayToQueue({ ...options, queue })
    } catch (error) {
      if (!(error instanceof QueueError)) throw error
    }
  }
  const { moved, stored } = await moveOutboxRows(sql, batch)
  return { relayed: moved, stored }
}

class QueueError extends Error {}

/**
 * First the queue, then the commit that removes the rows: a crash in between brings the events twice, and the table takes each
 * once. The jobs have no ids of their own choice: BullMQ drops a job whose id it has seen, and the batch after a crash starts
 * with the same event but may hold more.
 */
async function relayToQueue({
  sql,
  queue,
  revocations,
  batch,
}: RelayOutboxOptions & { queue: Queue }): Promise<RelayedEvents> {
  return await sql.begin(async (transaction) => {
    const rows = await takeOutboxRows(transaction, batch)
    const endings = rows.filter(({ type }) => sessionEndings.has(type))
    await revocations.repeat(endings.flatMap(({ sessionId }) => sessionId ?? []))

    const events = rows.filter((row) => eventValidator.Check(row))
    await addToQueue(queue, events)

    // A newer version wrote what this one has no name for, as during a rolling upgrade. The worker's check would refuse the
    // job that holds it; the table takes it.
    const foreign = rows.filter((row) => !eventValidator.Check(row))
    const stored = foreign.length === 0 ? [] : await insertSecurityEvents(transaction, foreign)
    return { relayed: rows.length, stored }
  })
}

async function addToQueue(queue: Queue, events: readonly SecurityEvent[]): Promise<void> {
  try {
    for (let start = 0; start < events.length; start += eventsPerJob) {
      await queue.add(persistSecurityEventsJob, { events: events.slice(start, start + eventsPerJob) })
    }
  } catch (error) {
    throw new QueueError('Events could not be added to the queue', { cause: error })
  }
}
