import { queueNames } from '@latchkey/contracts/queues'

/** Payloads are ids, but for events, which tell of people; and of those an operator of a queue needs to see no more than which they are. */
export function shownPayload(queue: string, data: unknown): unknown {
  if (queue !== queueNames.securityEvents) return data
  const events = isRecord(data) && Array.isArray(data['events']) ? data['events'] : []
  return { events: events.map((event: unknown) => (isRecord(event) ? namesOf(event) : null)) }
}

function namesOf({ id, type, severity, occurredAt }: Record<string, unknown>): Record<string, unknown> {
  return { id, type, severity, occurredAt }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
