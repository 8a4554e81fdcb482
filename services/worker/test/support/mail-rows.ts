import type { Sql } from '@latchkey/platform/database/client'
import { newSecurityEvent, type SecurityEvent } from '@latchkey/platform/security-events/security-event'

export interface MailRow {
  readonly eventId: string
  readonly template: string
  readonly status: string | null
  readonly reason: string | null
  readonly attempts: number
  readonly claims: number
  readonly data: unknown
  /** Seconds until it is due. */
  readonly dueIn: number
}

export async function mailRows(db: Sql): Promise<MailRow[]> {
  return db<MailRow[]>`
    SELECT event_id, template, status, reason, attempts, claims, data, extract(epoch FROM due_at - now())::float8 AS due_in
    FROM mails ORDER BY event_id, template`
}

export async function countSettled(db: Sql): Promise<number> {
  const [row] = await db<
    { count: number }[]
  >`SELECT count(*)::int AS count FROM mails WHERE settled_at IS NOT NULL`
  return row?.count ?? 0
}

/** As if so many seconds had passed for the mails that wait. */
export async function moveClock(db: Sql, seconds: number): Promise<void> {
  await db`
    UPDATE mails SET
      created_at = created_at - make_interval(secs => ${seconds}), due_at = due_at - make_interval(secs => ${seconds}),
      claimed_until = claimed_until - make_interval(secs => ${seconds}), settled_at = settled_at - make_interval(secs => ${seconds})`
}

/** An event that its user is told of. */
export function reuseOf(userId: string): SecurityEvent {
  return newSecurityEvent('session.reuse_detected', { userId, ip: '203.0.113.7', userAgent: 'Firefox/1.0' })
}

/** Users, an event for each, as the api leaves them in the outbox. Answers their addresses. */
export async function insertMailEvents(db: Sql, count: number): Promise<string[]> {
  const rows = await db<{ email: string }[]>`
    WITH people AS (
      INSERT INTO users (id, email, name)
      SELECT id, id || '@example.com', 'Person' FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, ${count}::int)) AS ids
      RETURNING id, email::text
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, ip, user_agent)
      SELECT 'session.reuse_detected', 'critical', id, '203.0.113.7', 'Firefox/1.0' FROM people
    )
    SELECT email FROM people`
  return rows.map(({ email }) => email)
}
