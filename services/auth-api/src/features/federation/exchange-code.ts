import { AppError } from '@latchkey/contracts/errors'
import type { ExchangeBody } from '@latchkey/contracts/http/federation'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { finishFirstFactor, type SignIn } from '../mfa/finish-first-factor.js'
import { federatedAmr } from './federated-amr.js'
import { readHolder, type Holder } from './holder.js'
import { takeSignInCode } from './queries.js'
import { hashCode } from './step-secrets.js'

type ExchangeDeps = Pick<Deps, 'config' | 'events' | 'revocations' | 'sql'>

/**
 * Makes a session of the code that the browser was led back with, or asks for the second factor, as every sign-in does.
 * @throws AppError one_time_token_invalid, alike for a code that is used, too old, never issued, or somebody else's.
 */
export async function exchangeCode(
  deps: ExchangeDeps,
  body: ExchangeBody & Holder,
  origin: RequestOrigin,
): Promise<SignIn> {
  const tokenHash = hashCode(body.code)
  const holderHash = readHolder(body)
  const signIn =
    tokenHash &&
    holderHash &&
    (await deps.sql.begin(async (sql) => {
      const user = await takeSignInCode(sql, { tokenHash, holderHash })
      if (user === null) return null
      const deviceName = body.deviceName ?? null
      return finishFirstFactor(sql, deps, {
        ...user,
        passwordHash: null,
        amr: [...federatedAmr],
        deviceName,
        origin,
      })
    }))
  if (signIn === null) {
    const data = { reason: 'invalid_code', method: 'oauth' }
    await deps.events.report(newSecurityEvent('login.failed', { ...origin, data }))
    throw new AppError('one_time_token_invalid')
  }
  if (signIn.kind === 'session') await deps.revocations.revoke(signIn.session.endedSessionIds)
  return signIn
}
