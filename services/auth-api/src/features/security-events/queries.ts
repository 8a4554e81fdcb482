import type { OwnEvent } from '@latchkey/contracts/http/answers'
import type { Sql } from '@latchkey/platform/database/client'
import type { ListPosition } from '../../list-cursor.js'

export interface OwnEventRow extends Omit<OwnEvent, 'occurredAt' | 'data'> {
  occurredAt: Date
  /** Since the epoch: a Date has milliseconds only, and a page begins exactly where the last one ended. */
  occurredMicroseconds: bigint
  data: Record<string, unknown>
}

/**
 * The newest events of a user before a position, in the order of the index on user and time. Partitions after the position are left out;
 * of those before it one look says what they have newest, and no more is read than the page. The times are compared by themselves, because a
 * comparison of rows leaves no partition out and misleads the planner. Whence somebody else acted is not the user's to know.
 */
export const ownEventsQuery = (
  sql: Sql,
  {
    userId,
    types,
    before,
    limit,
  }: { userId: string; types: readonly string[]; before: ListPosition; limit: number },
) => sql<OwnEventRow[]>`
  SELECT id, occurred_at, (extract(epoch FROM occurred_at) * 1000000)::bigint AS occurred_microseconds,
    type, severity, session_id, data,
    CASE WHEN actor_id IS NULL OR actor_id = user_id THEN host(ip) END AS ip_address,
    CASE WHEN actor_id IS NULL OR actor_id = user_id THEN user_agent END AS user_agent
  FROM security_events
  WHERE user_id = ${userId}
    AND occurred_at <= ${instant(sql, before)}
    AND (occurred_at < ${instant(sql, before)} OR id < ${before.id}::uuid)
    AND type = ANY (${[...types]}::text[])
  ORDER BY occurred_at DESC, id DESC
  LIMIT ${limit}`

const instant = (sql: Sql, { microseconds }: ListPosition) =>
  sql`(timestamptz 'epoch' + ${microseconds}::bigint * interval '1 microsecond')`
