import { accountSubject } from '@latchkey/platform/accounts/guess-subject'
import type { Sql } from '@latchkey/platform/database/client'
import type { Deps } from '../../deps.js'
import { deleteGuesses, findGuessedUser } from './queries.js'

/** Ends the account's lockout and forgets its failures: after a reset, or by an administrator. On the pool or in the caller's transaction. */
export async function clearLockout(
  sql: Sql,
  { keyring }: Pick<Deps, 'keyring'>,
  userId: string,
): Promise<void> {
  const user = await findGuessedUser(sql, userId)
  if (user !== null) await deleteGuesses(sql, accountSubject(keyring.current, user.email))
}
