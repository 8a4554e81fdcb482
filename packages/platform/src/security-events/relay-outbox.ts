import { SecurityEvent } from '@latchkey/contracts/events'
import { eventsPerJob } from '@latchkey/contracts/queues'
import type { Sql } from '../database/client.js'
import type { Queue } from '../queue/queues.js'
import type { RevocationList } from '../revocation/revocation-list.js'
import { persistSecurityEvents } from './persist-security-events.js'
import { leaseOutboxRows, moveOutboxRows, type StoredEvents } from './queries.js'
import { queueEvents } from './queue-events.js'
import { compileSchema } from '../validation/compile-schema.js'

export interface RelayOutboxOptions {
  readonly sql: Sql
  /** Null: there is no Redis, so the events go straight to the table. */
  readonly queue: Queue | null
  readonly revocations: Pick<RevocationList, 'repeat'>
  /** Rows that one call takes at most. */
  readonly batch: number
}

export interface RelayedEvents {
  /** Rows that were taken. As many as `batch`: there may be more. */
  readonly relayed: number
  /** What was stored without the queue. */
  readonly stored: readonly StoredEvents[]
}

/**
 * An event that was relayed and is not stored after this long is relayed again. Far longer than a job waits in a queue that
 * works, and short enough for the events of a queue that was lost.
 */
const leaseSeconds = 60

/** Events after which the access tokens of their session must not be accepted any more. */
const sessionEndings: ReadonlySet<string> = new Set(['session.revoked', 'session.reuse_detected'])

const securityEvent = compileSchema(SecurityEvent)

/**
 * Puts the oldest events of the outbox into the queue; or, when the queue can't be had, into the table. They leave the outbox
 * when they are stored, so that neither a crash at any point nor a Redis that loses its data costs an event; what comes twice is
 * stored once. Several relays share the work.
 */
export async function relayOutbox({
  sql,
  queue,
  revocations,
  batch,
}: RelayOutboxOptions): Promise<RelayedEvents> {
  if (queue === null) return moveOutbox(sql, batch)
  const rows = await leaseOutboxRows(sql, { limit: batch, leaseSeconds })

  // The process that ended the session writes this itself, after its commit. Should it have died between the two, this is the
  // second try.
  const endings = rows.filter(({ type }) => sessionEndings.has(type))
  await revocations.repeat(endings.flatMap(({ sessionId }) => sessionId ?? []))

  const events: SecurityEvent[] = []
  const foreign: SecurityEvent[] = []
  for (const row of rows) (securityEvent.matches(row) ? events : foreign).push(row)
  if (!(await addToQueue(queue, events))) return moveOutbox(sql, batch)

  // A newer version wrote what this one has no name for, as during a rolling upgrade. The check before the worker would refuse
  // the whole job; the table takes it.
  const { stored } = await persistSecurityEvents(sql, foreign)
  return { relayed: rows.length, stored }
}

/** The jobs get no ids of ours: BullMQ drops a job whose id it knows, and a batch that comes again may hold other events. */
async function addToQueue(queue: Queue, events: readonly SecurityEvent[]): Promise<boolean> {
  try {
    for (let start = 0; start < events.length; start += eventsPerJob) {
      await queueEvents(queue, events.slice(start, start + eventsPerJob))
    }
    return true
  } catch {
    return false
  }
}

async function moveOutbox(sql: Sql, batch: number): Promise<RelayedEvents> {
  const { moved, stored } = await moveOutboxRows(sql, batch)
  return { relayed: moved, stored }
}
