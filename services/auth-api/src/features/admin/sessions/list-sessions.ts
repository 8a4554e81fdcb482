import { AppError } from '@latchkey/contracts/errors'
import type { AdminSession, AdminSessions, SessionFilter } from '@latchkey/contracts/http/admin'
import type { Deps } from '../../../deps.js'
import {
  findEndOfLiveSessions,
  type ListedSessionRow,
  listLiveSessions,
} from '../../sessions/list-live-sessions.js'
import { hasUser } from '../users/queries.js'
import { readPage, startOf, walkedRows } from '../read-page.js'

type ListDeps = Pick<Deps, 'config' | 'sql'>

/** A page of the sessions that are signed in now, opened last first. @throws AppError validation_failed. */
export async function listSessions({ sql, config }: ListDeps, filter: SessionFilter): Promise<AdminSessions> {
  const list = {
    before: startOf(filter.cursor, null),
    userId: filter.userId ?? null,
    role: filter.role ?? null,
    lifetimes: config,
    walkedRows,
  }
  const { rows, nextCursor } = await readPage(filter.limit, {
    find: (limit) => listLiveSessions(sql, list, limit),
    findEnd: () => findEndOfLiveSessions(sql, list),
  })
  return { sessions: rows.map((row) => sessionAnswer(row)), nextCursor }
}

/** @throws AppError not_found for a user who is not there. */
export async function listSessionsOfUser(
  deps: ListDeps,
  userId: string,
  page: Pick<SessionFilter, 'cursor' | 'limit'>,
): Promise<AdminSessions> {
  if (!(await hasUser(deps.sql, userId))) throw new AppError('not_found')
  return listSessions(deps, { ...page, userId })
}

function sessionAnswer(row: ListedSessionRow): AdminSession {
  return {
    ...row,
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
  }
}
