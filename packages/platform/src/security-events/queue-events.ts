import type { SecurityEvent } from '@latchkey/contracts/events'
import { persistSecurityEventsJob } from '@latchkey/contracts/queues'
import type { Queue } from '../queue/queues.js'

/** A job that is done leaves nothing behind: its events stand in the table, and what they say of people shall stand nowhere else. */
export async function queueEvents(queue: Queue, events: readonly SecurityEvent[]): Promise<void> {
  await queue.add(persistSecurityEventsJob, { events }, { removeOnComplete: true })
}
