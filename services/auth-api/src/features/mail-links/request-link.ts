import { AppError } from '@latchkey/contracts/errors'
import type { SecurityEventType } from '@latchkey/contracts/events'
import type { OneTimePurpose } from '@latchkey/contracts/one-time-tokens'
import { normaliseEmail } from '@latchkey/platform/accounts/normalise-email'
import { newOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { insertLinkRequest } from './queries.js'

export interface LinkRequest {
  purpose: OneTimePurpose
  /** What is told of a request; the mail with the link follows from it. */
  eventType: SecurityEventType
  email: string
  origin: RequestOrigin
}

/**
 * Asks for a mail with a link. Whether an account has the address makes no difference to who asks: each request costs one count and one
 * statement that stores an event, no mail is waited for, and the limit counts what was typed.
 * @throws AppError validation_failed, rate_limited.
 */
export async function requestLink(
  { keyring, limits, sql }: Pick<Deps, 'keyring' | 'limits' | 'sql'>,
  { purpose, eventType, email, origin }: LinkRequest,
): Promise<void> {
  const address = normaliseEmail(email)
  if (address === null) {
    const errors = [{ path: '/email', message: 'is not an e-mail address' }]
    throw new AppError('validation_failed', undefined, { errors })
  }
  await limits.consume('resetAccount', `${purpose} ${address.toLowerCase()}`, origin)
  await insertLinkRequest(sql, newOneTimeToken(keyring, purpose), { eventType, email: address, origin })
}
