import type { Sql } from '@latchkey/platform/database/client'
import type { ListPosition } from '../../../list-cursor.js'
import type { Lifetimes } from '../lifetimes.js'
import { endsAt, isAlive } from '../queries.js'

export interface LiveSessionList {
  before: ListPosition
  userId: string | null
  /** Sessions of users who have this role. */
  role: string | null
  lifetimes: Lifetimes
  /** How many sessions the list looks at, those that have ended included. */
  walkedRows: number
}

export interface ListedSessionRow extends ListPosition {
  userId: string
  email: string
  roles: string[]
  aal: number
  deviceName: string | null
  userAgent: string | null
  ipAddress: string | null
  createdAt: Date
  lastUsedAt: Date
  expiresAt: Date
}

/** Live sessions, opened last first: in the order of their ids, which are made in the order of time. */
export const liveSessionsQuery = (sql: Sql, list: LiveSessionList, limit: number) => sql<ListedSessionRow[]>`
  SELECT s.id, (extract(epoch FROM s.created_at) * 1000000)::bigint AS microseconds, s.user_id, u.email, u.roles, s.aal,
    s.device_name, s.user_agent, host(s.ip) AS ip_address, s.created_at, s.last_used_at,
    ${endsAt(sql, list.lifetimes)} AS expires_at
  FROM (SELECT s.* FROM sessions s WHERE ${isWalked(sql, list)} ORDER BY s.id DESC LIMIT ${list.walkedRows}) s
  JOIN users u ON u.id = s.user_id
  WHERE ${isAlive(sql, list.lifetimes)} AND (${list.role}::text IS NULL OR ${list.role} = ANY (u.roles))
  ORDER BY s.id DESC
  LIMIT ${limit}`

/** The last session that such a list has looked at; null when there were none left. */
export async function findEndOfSessions(sql: Sql, list: LiveSessionList): Promise<ListPosition | null> {
  const [row] = await sql<ListPosition[]>`
    SELECT s.id, (extract(epoch FROM s.created_at) * 1000000)::bigint AS microseconds
    FROM sessions s WHERE ${isWalked(sql, list)} ORDER BY s.id DESC
    OFFSET ${list.walkedRows - 1} LIMIT 1`
  return row ?? null
}

/** Those of few users are found by their users. */
const isWalked = (sql: Sql, { before, userId, role }: LiveSessionList) => sql`
  s.id < ${before.id}::uuid
  ${userId === null ? sql`` : sql`AND s.user_id = ${userId}`}
  ${
    role === null || role === 'user'
      ? sql``
      : sql`AND s.user_id = ANY (ARRAY(SELECT id FROM users WHERE roles <> '{user}' AND ${role} = ANY (roles)))`
  }`
