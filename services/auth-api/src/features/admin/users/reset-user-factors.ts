import { AppError } from '@latchkey/contracts/errors'
import type { Deps } from '../../../deps.js'
import { resetSecondFactors } from '../../mfa/reset-second-factors.js'
import { actAsAdmin, type ActingAdmin } from '../acting-admin.js'
import { lockUser } from './queries.js'

/**
 * For somebody who has lost phone and recovery codes, and has proved to an admin who they are: removes the second factors and ends all
 * sessions. The password is still asked for. @throws AppError not_found, forbidden (their own: POST /2fa/disable asks for a code).
 */
export async function resetUserFactors(
  deps: Pick<Deps, 'revocations' | 'sql'>,
  admin: ActingAdmin,
  userId: string,
): Promise<void> {
  if (userId === admin.userId)
    throw new AppError('forbidden', 'Nobody does this to themselves: another admin must.')
  const ended = await actAsAdmin(deps, admin, async (sql) => {
    if ((await lockUser(sql, userId)) === null) throw new AppError('not_found')
    const { sessionId, origin } = admin
    const result = await resetSecondFactors(sql, { userId, actorId: admin.userId, sessionId, origin })
    return { act: { action: 'user.second_factor_reset', userId }, result: result ?? [] }
  })
  await deps.revocations.revoke(ended)
}
