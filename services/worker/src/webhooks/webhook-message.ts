/** An event as the log has it now. */
export interface DeliveredEvent {
  readonly id: string
  readonly occurredAt: Date
  readonly type: string
  readonly severity: string
  readonly userId: string | null
  readonly actorId: string | null
  readonly sessionId: string | null
  readonly ipAddress: string | null
  readonly userAgent: string | null
  readonly requestId: string | null
  readonly traceId: string | null
  readonly data: Record<string, unknown>
}

/** What a receiver reads: the event as `GET /admin/events` lists it, in the envelope of Standard Webhooks. */
export function webhookBody(event: DeliveredEvent): string {
  return JSON.stringify({ type: event.type, timestamp: event.occurredAt.toISOString(), data: event })
}
