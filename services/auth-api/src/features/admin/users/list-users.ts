import type { AdminUsers, UserFilter } from '@latchkey/contracts/http/admin'
import type { Deps } from '../../../deps.js'
import { readPage, readTime, startOf } from '../read-page.js'
import { findEndOfUsers, listUsersQuery, type UserList } from './queries.js'
import { adminUserAnswer } from './user-answer.js'

/** A page of the users that fit the filter, newest first. @throws AppError validation_failed. */
export async function listUsers({ sql }: Pick<Deps, 'sql'>, filter: UserFilter): Promise<AdminUsers> {
  const list: UserList = {
    before: startOf(filter.cursor, readTime(filter.createdTo, '/createdTo')),
    since: readTime(filter.createdFrom, '/createdFrom'),
    search: filter.q?.trim() || null,
    role: filter.role ?? null,
    userType: filter.userType ?? null,
    isEnabled: filter.status === undefined ? null : filter.status === 'enabled',
    isVerified: filter.emailVerified === undefined ? null : filter.emailVerified === 'true',
  }
  const { rows, nextCursor } = await readPage(filter.limit, {
    find: async (limit) => listUsersQuery(sql, list, limit),
    findEnd: () => findEndOfUsers(sql, list),
  })
  return { users: rows.map((row) => adminUserAnswer(row)), nextCursor }
}
