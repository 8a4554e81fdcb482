import type { Sql } from '@latchkey/platform/database/client'
import type { ListPosition } from '../../list-cursor.js'
import type { Act, ActingAdmin } from './acting-admin.js'

/** Takes the lock under which admins come and go, until the transaction ends. Raises LK003 for the last enabled one. */
export async function lockOutLastAdmin(sql: Sql, userId: string): Promise<void> {
  await sql`SELECT assert_not_last_admin(${userId}::uuid)`
}

/** Takes the same lock. Raises LK001 unless the session lives and is one of an enabled admin. */
export async function lockActingAdmin(sql: Sql, sessionId: string): Promise<void> {
  await sql`SELECT acting_admin(${sessionId}::uuid)`
}

export async function insertAct(sql: Sql, { origin, ...admin }: ActingAdmin, act: Act): Promise<void> {
  const data = JSON.stringify({ action: act.action, ...act.data })
  await sql`
    INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
    VALUES ('admin.acted', 'notice', ${act.userId}::uuid, ${admin.userId}::uuid, ${admin.sessionId}::uuid,
      ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, ${data}::text::jsonb)`
}

export interface StandingRow {
  roles: string[]
  aal: number
  /** Whether the user has a second factor. */
  hasSecondFactor: boolean
}

/** Of the user of a session that has not ended, as of now; else null. */
export async function findStandingOf(sql: Sql, sessionId: string): Promise<StandingRow | null> {
  const [row] = await sql<StandingRow[]>`
    SELECT u.roles, s.aal,
      u.mfa_enabled OR EXISTS (SELECT FROM passkeys p WHERE p.user_id = u.id AND p.disabled_at IS NULL) AS has_second_factor
    FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.id = ${sessionId} AND u.disabled_at IS NULL
      AND s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.absolute_expires_at > now()`
  return row ?? null
}

/** As parameters of a definer's function, after those of its own. */
export const originOf = (sql: Sql, { origin }: ActingAdmin) =>
  sql`${origin.ip}::inet, ${origin.userAgent}::text, ${origin.requestId}::text`

/** A position's time, exact to the microsecond. */
export const instantOf = (sql: Sql, { microseconds }: ListPosition) =>
  sql`(timestamptz 'epoch' + ${microseconds}::bigint * interval '1 microsecond')`

/**
 * Before a position in the order of a time and an id, newest first. The times are compared by themselves, because a comparison of
 * rows leaves no partition out and misleads the planner.
 */
export const isBefore = (sql: Sql, column: 'created_at' | 'occurred_at', before: ListPosition) => sql`
  ${sql(column)} <= ${instantOf(sql, before)} AND (${sql(column)} < ${instantOf(sql, before)} OR id < ${before.id}::uuid)`
