import { AppError } from '@latchkey/contracts/errors'
import { normaliseEmail } from '@latchkey/platform/accounts/normalise-email'
import { newOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { insertVerificationRequest } from './queries.js'

/**
 * Sends the link that proves an address once more. Whether the address is known, proven, or that of a registration that waits makes no
 * difference to who asks: each request costs one count and one statement that stores an event.
 * @throws AppError validation_failed, rate_limited.
 */
export async function requestVerification(
  { keyring, limits, sql }: Pick<Deps, 'keyring' | 'limits' | 'sql'>,
  typed: string,
  origin: RequestOrigin,
): Promise<void> {
  const email = normaliseEmail(typed)
  if (email === null) {
    const errors = [{ path: '/email', message: 'is not an e-mail address' }]
    throw new AppError('validation_failed', undefined, { errors })
  }
  const token = newOneTimeToken(keyring, 'verify_email')
  await limits.consume('resetAccount', `${token.purpose} ${email.toLowerCase()}`, origin)
  await insertVerificationRequest(sql, token, email, origin)
}
