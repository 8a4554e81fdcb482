import { securityEventTypes, type SecurityEvent } from '@latchkey/contracts/events'
import type { Sql } from '@latchkey/platform/database/client'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'

export function someEvents(count: number): SecurityEvent[] {
  return Array.from({ length: count }, (_, index) =>
    newSecurityEvent('login.failed', { ip: '192.0.2.1', userAgent: 'test', data: { index } }),
  )
}

export const idsOf = (events: readonly { id: string }[]): string[] => events.map(({ id }) => id).toSorted()

export async function readStoredIds(sql: Sql): Promise<string[]> {
  return idsOf(await sql<{ id: string }[]>`SELECT id FROM security_events`)
}

export async function readOutboxIds(sql: Sql): Promise<string[]> {
  return idsOf(await sql<{ id: string }[]>`SELECT id FROM outbox`)
}

/** As statements that change state write them: id and time are PostgreSQL's own, with microseconds. */
export async function writeStateChanges(
  sql: Sql,
  count: number,
  { type = 'session.revoked', sessionId = null }: { type?: string; sessionId?: string | null } = {},
): Promise<string[]> {
  return idsOf(
    await sql<{ id: string }[]>`
    INSERT INTO outbox (type, severity, session_id, ip, user_agent, data)
    SELECT ${type}, ${type in securityEventTypes ? 'info' : 'notice'}, ${sessionId}, '2001:db8::1', 'test', '{"snake_case": 1}'
    FROM generate_series(1, ${count})
    RETURNING id`,
  )
}
