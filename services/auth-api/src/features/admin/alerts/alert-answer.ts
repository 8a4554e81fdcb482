import type { Alert } from '@latchkey/contracts/http/alerts'
import type { AlertRow } from './queries.js'

/** The alert as admins see it. Fields are named one by one, so that a new column never leaks by itself. */
export function alertAnswer(row: AlertRow): Alert {
  return {
    id: row.id,
    rule: row.rule,
    subject: row.subject,
    severity: row.severity,
    state: row.acknowledgedAt === null ? 'open' : 'acknowledged',
    userId: row.userId,
    ipAddress: row.ipAddress,
    incidents: row.incidents,
    eventCount: Number(row.eventCount),
    firstAt: row.firstAt.toISOString(),
    lastAt: row.lastAt.toISOString(),
    createdAt: row.createdAt.toISOString(),
    actions: row.actions,
    data: row.data,
    acknowledgedAt: row.acknowledgedAt?.toISOString() ?? null,
    acknowledgedBy: row.acknowledgedBy,
    note: row.note,
  }
}
