import { AppError } from '@latchkey/contracts/errors'
import type { User } from '@latchkey/contracts/http/answers'
import type { PatchMeBody } from '@latchkey/contracts/http/bodies'
import type { Deps } from '../../deps.js'
import { findUser, updateUser } from './queries.js'
import { assertTraitsFit } from './traits.js'
import { type UserRow, userAnswer } from './user-answer.js'

type ProfileDeps = Pick<Deps, 'sql'>

export async function readOwnProfile(deps: ProfileDeps, userId: string): Promise<User> {
  return answerOf(await findUser(deps.sql, userId))
}

/** Null clears a name or username; traits are replaced as a whole. @throws AppError validation_failed, username_taken. */
export async function changeOwnProfile(deps: ProfileDeps, userId: string, body: PatchMeBody): Promise<User> {
  if (body.traits !== undefined) assertTraitsFit(body.traits)
  return answerOf(
    await updateUser(deps.sql, userId, { ...body, username: body.username?.toLowerCase() ?? body.username }),
  )
}

/** A user who was deleted or disabled after the access token was checked has no session either. */
function answerOf(row: UserRow | null): User {
  if (row === null) throw new AppError('session_revoked')
  return userAnswer(row)
}
