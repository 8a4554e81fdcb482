import { AppError } from '@latchkey/contracts/errors'
import type { AdminUser } from '@latchkey/contracts/http/admin'
import type { Deps } from '../../../deps.js'
import { findUser } from './queries.js'
import { adminUserAnswer } from './user-answer.js'

/** @throws AppError not_found. */
export async function readUser({ sql }: Pick<Deps, 'sql'>, userId: string): Promise<AdminUser> {
  const row = await findUser(sql, userId)
  if (row === null) throw new AppError('not_found')
  return adminUserAnswer(row)
}
