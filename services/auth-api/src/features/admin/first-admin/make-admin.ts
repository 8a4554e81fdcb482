import { AppError } from '@latchkey/contracts/errors'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { isUniqueViolation } from '@latchkey/platform/database/errors'
import type { OwnerDeps } from '../../../deps.js'
import { assertGoodPassword } from '../../passwords/assert-good-password.js'
import { becomeOwner, insertAdmin, promoteUser } from './queries.js'

/** Why somebody was not made an admin, in words for the operator. */
export class AdminRefusal extends Error {}

/**
 * Makes the account of an admin: by the database's owner, from a shell, so that an installation never has one that came with it.
 * @throws AppError password_rejected, AdminRefusal.
 */
export async function createAdmin(
  deps: OwnerDeps,
  { email, name, password }: { email: string; name: string | null; password: string },
): Promise<{ userId: string }> {
  await assertGoodPassword(deps, { password, owner: { email, name, username: null }, path: '/password' })
  const passwordHash = await deps.passwords.admit((passwords) => passwords.hash(password))
  const id = newId()
  try {
    await deps.sql.begin(async (sql) => {
      await becomeOwner(sql)
      await insertAdmin(sql, { id, email, name, passwordHash })
    })
  } catch (error) {
    if (!isUniqueViolation(error, 'users_email_key')) throw error
    throw new AdminRefusal(`${email} has an account; add --promote to make it an admin's`, { cause: error })
  }
  return { userId: id }
}

/** Makes somebody who has an account an admin. @throws AdminRefusal. */
export async function promoteToAdmin(
  deps: Pick<OwnerDeps, 'sql'>,
  email: string,
): Promise<{ userId: string; wasAdmin: boolean }> {
  const user = await deps.sql.begin(async (sql) => {
    await becomeOwner(sql)
    return promoteUser(sql, email)
  })
  if (user === null) throw new AdminRefusal(`nobody has an account with ${email}`)
  if (user.isDisabled) throw new AdminRefusal(`the account of ${email} is disabled`)
  return { userId: user.id, wasAdmin: user.wasAdmin }
}

/** What an operator should read of an error, in one line. */
export function describeRefusal(error: unknown): string {
  if (error instanceof AppError && error.errors !== undefined)
    return `the password ${error.errors.map(({ message }) => message).join('; it ')}`
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
}
