import { AppError } from '@latchkey/contracts/errors'
import { newOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { consumeOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-tokens'
import { deleteOneTimeTokens } from '@latchkey/platform/one-time-tokens/queries'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { discardIdentities } from '../federation/identities/discard-identities.js'
import { discardSecondFactorsSince } from '../mfa/reset-second-factors.js'
import { revokeSessions } from '../sessions/revoke-sessions.js'
import { restoreAddress } from './queries.js'

/**
 * Gives an account back to the reader of its former address: that is its address again, every session ends, everywhere, before it
 * returns, and so do the password, which a thief may have set, and every other link but an undo of an earlier change. A mail with a
 * link to a new password follows. A second factor stays, because the link alone must not get past it, and so do accounts elsewhere, unless
 * they were set up or linked since.
 * @throws AppError one_time_token_invalid.
 */
export async function undoEmailChange(
  deps: Pick<Deps, 'keyring' | 'revocations' | 'sql'>,
  token: string,
  origin: RequestOrigin,
): Promise<void> {
  const ended = await deps.sql.begin(async (sql) => {
    const link = await consumeOneTimeToken(sql, deps, { purpose: 'undo_email_change', token })
    if (link === null) throw new AppError('one_time_token_invalid')
    const { userId, email, createdAt: since } = link
    await deleteOneTimeTokens(sql, { userId, undoSince: since })
    const reset = newOneTimeToken(deps.keyring, 'reset_password')
    await discardSecondFactorsSince(sql, { userId, since, origin })
    await discardIdentities(sql, { userId, reason: 'email_change_undone', since, origin })
    await restoreAddress(sql, reset, { userId, email, origin })
    return revokeSessions(sql, { userId, exceptSessionId: null, reason: 'email_change_undone', origin })
  })
  await deps.revocations.revoke(ended)
}
