import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'
import { newSecurityEvent, type SecurityEvent } from '@latchkey/platform/security-events/security-event'

export function someEvents(count: number): SecurityEvent[] {
  return Array.from({ length: count }, (_, index) =>
    newSecurityEvent('login.failed', { ip: '203.0.113.7', userAgent: 'Test', data: { index } }),
  )
}

/** As the api does it: inside the statement that changes the state. Answers the ids. */
export async function insertIntoOutbox(db: Sql, count: number, type = 'login.succeeded'): Promise<string[]> {
  const rows = await db<{ id: string }[]>`
    INSERT INTO outbox (type, severity, session_id, ip, user_agent, data)
    SELECT ${type}, 'info', ${newId()}, '203.0.113.7', 'Test', jsonb_build_object('index', index)
    FROM generate_series(1, ${count}::int) AS index
    RETURNING id`
  return rows.map(({ id }) => id)
}

/** Of the events above; what the worker tells of its own work comes beside them. */
export async function countOutbox(db: Sql): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    SELECT count(*)::int AS count FROM outbox WHERE type IN ('login.failed', 'login.succeeded')`
  return row?.count ?? 0
}

export async function countPersisted(db: Sql): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    SELECT count(*)::int AS count FROM security_events WHERE type IN ('login.failed', 'login.succeeded')`
  return row?.count ?? 0
}

/** Ids as they stand in the table, one for each row: an event that was stored twice shows twice. */
export async function persistedIds(db: Sql): Promise<string[]> {
  const rows = await db<{ id: string }[]>`
    SELECT id FROM security_events WHERE type IN ('login.failed', 'login.succeeded') ORDER BY id`
  return rows.map(({ id }) => id)
}
