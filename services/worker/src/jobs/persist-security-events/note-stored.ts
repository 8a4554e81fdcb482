import type { Metrics } from '@latchkey/platform/metrics/metrics'
import type { PersistedEvents } from '@latchkey/platform/security-events/persist-security-events'

/** To be called after the commit: an event counts when its row stands, and once however often it came. */
export function noteStored(metrics: Metrics, stored: PersistedEvents['stored']): void {
  if (stored.length === 0) return
  for (const { type, severity, count } of stored) metrics.securityEventsTotal.inc({ type, severity }, count)
  metrics.securityEventsLagSeconds.set(Math.max(...stored.map(({ lagSeconds }) => lagSeconds)))
}
