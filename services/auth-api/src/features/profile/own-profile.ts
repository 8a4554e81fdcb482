import { AppError } from '@latchkey/contracts/errors'
import type { User } from '@latchkey/contracts/http/answers'
import type { PatchMeBody } from '@latchkey/contracts/http/bodies'
import { fileTraits } from '@latchkey/platform/traits/queries'
import type { Traits } from '@latchkey/platform/traits/traits'
import type { Deps } from '../../deps.js'
import { findUser, lockTraits, type ProfileChanges, updateUser } from './queries.js'
import { readTraits } from './read-traits.js'
import { type UserRow, userAnswer } from './user-answer.js'

type ProfileDeps = Pick<Deps, 'sql' | 'traits'>

export async function readOwnProfile(deps: ProfileDeps, userId: string): Promise<User> {
  return answerOf(deps.traits, await findUser(deps.sql, userId))
}

/**
 * Null clears a name, username or locale; traits are replaced as a whole, but for those that only admins set.
 * @throws AppError validation_failed, username_taken, trait_taken.
 */
export async function changeOwnProfile(deps: ProfileDeps, userId: string, body: PatchMeBody): Promise<User> {
  const { traits, ...names } = body
  const changes = { ...names, username: names.username?.toLowerCase() ?? names.username }
  return answerOf(
    deps.traits,
    traits === undefined
      ? await updateUser(deps.sql, userId, changes)
      : await changeTraits(deps, userId, traits, changes),
  )
}

/** The row is locked: what an admin sets meanwhile must not be put back by a user who never saw it. */
function changeTraits(
  deps: ProfileDeps,
  userId: string,
  given: Readonly<Record<string, unknown>>,
  changes: ProfileChanges,
): Promise<UserRow | null> {
  return deps.sql.begin(async (sql) => {
    const user = await lockTraits(sql, userId)
    if (user === null) return null
    const { userType, traits: stored } = user
    const traits = readTraits(deps.traits, given, { author: 'user', userType, stored })
    const changed = await updateUser(sql, userId, { ...changes, traits })
    await fileTraits(sql, userId, deps.traits.toFile(traits))
    return changed
  })
}

/** A user who was deleted or disabled after the access token was checked has no session either. */
function answerOf(rules: Traits, row: UserRow | null): User {
  if (row === null) throw new AppError('session_revoked')
  return userAnswer(row, rules)
}
