import { SecurityEvent } from '@latchkey/contracts/events'
import { eventsPerJob } from '@latchkey/contracts/queues'
import { createBatcher } from '../batching/batcher.js'
import { insertSplitting } from '../batching/insert-splitting.js'
import type { Sql } from '../database/client.js'
import type { Logger } from '../logging/logger.js'
import type { Queue } from '../queue/queues.js'
import { insertOutboxRows } from './queries.js'
import { queueEvents } from './queue-events.js'
import { compileSchema } from '../validation/compile-schema.js'

/** Reports that may wait for Redis and PostgreSQL; each belongs to a request that is held open for it. */
const maxWaitingReports = 10_000

export interface EventReporterOptions {
  readonly queue: Queue
  readonly sql: Sql
  readonly log: Logger
}

export interface EventReporter {
  /**
   * For an event without a change of state. When it resolves the event is in the queue, or in the outbox when Redis is away.
   * Rejects when both are; the caller decides whether its answer may go out without the event.
   */
  report(event: SecurityEvent): Promise<void>
  /** Resolves when everything that was reported has been handed over or rejected. */
  whenIdle(): Promise<void>
}

const securityEvent = compileSchema(SecurityEvent)

/** Reports that arrive while one job is being added share the next: one job for many events (performance.md: 43 us or 6). */
export function createEventReporter({ queue, sql, log }: EventReporterOptions): EventReporter {
  const batcher = createBatcher<SecurityEvent, Error | null>({
    maxItems: eventsPerJob,
    maxInFlight: 1,
    maxWaiting: maxWaitingReports,
    async run(events) {
      try {
        await queueEvents(queue, events)
        return events.map(() => null)
      } catch (error) {
        log.debug({ err: error, events: events.length }, 'Security events go to the outbox')
        return keepInOutbox(events)
      }
    },
  })

  // An `add` that timed out may have worked all the same. The event is then stored once, as it has one id.
  async function keepInOutbox(events: readonly SecurityEvent[]): Promise<(Error | null)[]> {
    const { refused } = await insertSplitting(events, (some) => insertOutboxRows(sql, some))
    const errors = new Map(refused.map(({ item, error }) => [item, error]))
    return events.map((event) => errors.get(event) ?? null)
  }

  return {
    async report(event) {
      // Here, where only its own writer is told. In a job it would make the worker refuse the events beside it.
      if (!securityEvent.matches(event)) throw new TypeError('Not a security event as the contract has it')
      const error = await batcher.submit(event)
      if (error !== null) throw error
    },
    whenIdle: () => batcher.whenIdle(),
  }
}
