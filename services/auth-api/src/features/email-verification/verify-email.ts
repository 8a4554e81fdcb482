import { AppError } from '@latchkey/contracts/errors'
import { decodeOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { consumeOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-tokens'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { completeRegistration } from '../registration/complete-registration.js'
import { markVerified } from './queries.js'

type VerificationDeps = Pick<Deps, 'keyring' | 'sql' | 'traits'>

/**
 * Uses the link that proves an address: of an account, or of a registration that waits for it. It ends no session: whoever has one has
 * given the password, and the address is that of the same account before and after.
 * @throws AppError one_time_token_invalid, username_taken, trait_taken.
 */
export async function verifyEmail(
  deps: VerificationDeps,
  token: string,
  origin: RequestOrigin,
): Promise<void> {
  const awaited = decodeOneTimeToken(deps.keyring, 'complete_registration', token)
  const isDone = await (awaited === null
    ? proveAddress(deps, token, origin)
    : completeRegistration(deps, awaited, origin))
  if (!isDone) throw new AppError('one_time_token_invalid')
}

function proveAddress(deps: VerificationDeps, token: string, origin: RequestOrigin): Promise<boolean> {
  return deps.sql.begin(async (sql) => {
    const taken = await consumeOneTimeToken(sql, deps, { purpose: 'verify_email', token })
    return taken !== null && markVerified(sql, taken, origin)
  })
}
