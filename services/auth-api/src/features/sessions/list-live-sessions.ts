import type { Sql } from '@latchkey/platform/database/client'
import type { ListPosition } from '../../list-cursor.js'
import {
  findEndOfSessions,
  type ListedSessionRow,
  type LiveSessionList,
  liveSessionsQuery,
} from './listing/queries.js'

export type { ListedSessionRow, LiveSessionList } from './listing/queries.js'

/** Sessions of everybody, for operators. */
export async function listLiveSessions(
  sql: Sql,
  list: LiveSessionList,
  limit: number,
): Promise<ListedSessionRow[]> {
  return liveSessionsQuery(sql, list, limit)
}

export function findEndOfLiveSessions(sql: Sql, list: LiveSessionList): Promise<ListPosition | null> {
  return findEndOfSessions(sql, list)
}
