import { isUniqueViolation } from '@latchkey/platform/database/errors'
import type { OneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { fileTraits } from '@latchkey/platform/traits/queries'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { insertVerifiedUser, takeAwaitedRegistration } from './awaited/queries.js'

/**
 * Makes the account of a registration whose link was followed, with the password that was chosen in that very registration. Of
 * several for one address the first that is followed makes the account; the others are then good for nothing. False when it is not made.
 * @throws AppError trait_taken: the link stays good, and the registration can be made anew.
 */
export async function completeRegistration(
  { sql, traits }: Pick<Deps, 'sql' | 'traits'>,
  token: OneTimeToken,
  origin: RequestOrigin,
): Promise<boolean> {
  try {
    return await sql.begin(async (inner) => {
      const user = await takeAwaitedRegistration(inner, token)
      if (user === null) return false
      await insertVerifiedUser(inner, user, origin)
      await fileTraits(inner, user.id, traits.toFile(user.traits))
      return true
    })
  } catch (error) {
    if (isUniqueViolation(error, 'users_email_key')) return false
    throw error
  }
}
