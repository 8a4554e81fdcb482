import type { SecurityEvent } from '@latchkey/contracts/events'
import { PersistSecurityEventsPayload } from '@latchkey/contracts/queues'
import type { Queue } from '@latchkey/platform/queue/queues'
import { compileSchema } from '@latchkey/platform/validation/compile-schema'

/** Of up to 500 events each. */
const jobsPerPage = 10

const payload = compileSchema(PersistSecurityEventsPayload)

/**
 * Jobs that failed for good are kept for a human, and their events with them. Those of somebody who was erased keep when
 * they were and of what kind. What else mentions them, and nobody can read, is emptied.
 */
export async function pseudonymiseFailedJobs(
  queue: Queue,
  pseudonyms: ReadonlyMap<string, string>,
): Promise<void> {
  for (let start = 0; ; start += jobsPerPage) {
    const jobs = await queue.getFailed(start, start + jobsPerPage - 1)
    for (const job of jobs) {
      const data = withPseudonyms(job.data, pseudonyms)
      if (data !== null) await job.updateData(data)
    }
    if (jobs.length < jobsPerPage) return
  }
}

/** Null for data that mentions nobody who was erased. */
function withPseudonyms(data: unknown, pseudonyms: ReadonlyMap<string, string>): object | null {
  if (!payload.matches(data)) {
    const text = JSON.stringify(data)
    return [...pseudonyms.keys()].some((userId) => text.includes(userId)) ? {} : null
  }
  const events = data.events.map((event) => withPseudonym(event, pseudonyms))
  return events.some((event, index) => event !== data.events[index]) ? { events } : null
}

function withPseudonym(event: SecurityEvent, pseudonyms: ReadonlyMap<string, string>): SecurityEvent {
  const standIn = (id: string | null) => (id === null ? null : (pseudonyms.get(id) ?? id))
  const userId = standIn(event.userId)
  const actorId = standIn(event.actorId)
  if (userId === event.userId && actorId === event.actorId) return event
  const nothing = { sessionId: null, ip: null, userAgent: null, requestId: null, traceId: null, data: {} }
  return { ...event, ...nothing, userId, actorId }
}
