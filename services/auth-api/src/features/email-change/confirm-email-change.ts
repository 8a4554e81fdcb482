import { AppError } from '@latchkey/contracts/errors'
import { isUniqueViolation } from '@latchkey/platform/database/errors'
import { newOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { consumeOneTimeToken, discardOneTimeTokens } from '@latchkey/platform/one-time-tokens/one-time-tokens'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { replaceAddress } from './queries.js'

/**
 * Makes the address of a link the account's, proven, and tells the former one how to undo that. Links that went there are dead. An address
 * that is another account's by now is answered like a link that is no longer good: which addresses have accounts is nobody's to know.
 * @throws AppError one_time_token_invalid.
 */
export async function confirmEmailChange(
  deps: Pick<Deps, 'keyring' | 'sql'>,
  token: string,
  origin: RequestOrigin,
): Promise<void> {
  try {
    await deps.sql.begin(async (sql) => {
      const link = await consumeOneTimeToken(sql, deps, { purpose: 'change_email', token })
      if (link === null) throw new AppError('one_time_token_invalid')
      await discardOneTimeTokens(sql, link.userId)
      const undo = newOneTimeToken(deps.keyring, 'undo_email_change')
      await replaceAddress(sql, undo, { userId: link.userId, newEmail: link.email, origin })
    })
  } catch (error) {
    if (!isUniqueViolation(error, 'users_email_key')) throw error
    throw new AppError('one_time_token_invalid', undefined, { cause: error })
  }
}
