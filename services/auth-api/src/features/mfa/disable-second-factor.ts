import { assertSecondFactorStays } from './assert-second-factor-stays.js'
import type { Deps } from '../../deps.js'
import { revokeSessions } from '../sessions/revoke-sessions.js'
import { withBothFactors, type BothFactors, type BothFactorsDeps } from './with-both-factors.js'
import { deleteSecondFactors } from './enrolment/queries.js'

/**
 * Removes the user's second factors and ends their other sessions, everywhere, before it returns.
 * @throws AppError mfa_required, what `withBothFactors` throws.
 */
export async function disableSecondFactor(
  deps: BothFactorsDeps & Pick<Deps, 'revocations'>,
  request: BothFactors,
): Promise<void> {
  const removal = { userId: request.userId, removing: { kind: 'totp' } } as const
  await assertSecondFactorStays(deps.sql, deps, removal)
  const ended = await withBothFactors(deps, request, 'mfa_disable', async (sql) => {
    const { userId, sessionId, origin } = request
    await assertSecondFactorStays(sql, deps, removal)
    await deleteSecondFactors(sql, { userId, actorId: userId, sessionId, reason: 'user_disabled', origin })
    return revokeSessions(sql, { userId, exceptSessionId: sessionId, reason: 'mfa_changed', origin })
  })
  await deps.revocations.revoke(ended)
}
