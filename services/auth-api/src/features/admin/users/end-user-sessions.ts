import { AppError } from '@latchkey/contracts/errors'
import type { Deps } from '../../../deps.js'
import { revokeSessions } from '../../sessions/revoke-sessions.js'
import { actAsAdmin, type ActingAdmin } from '../acting-admin.js'
import { lockUser } from './queries.js'

/** Signs a user out everywhere; answers how many sessions that ended. @throws AppError not_found. */
export async function endUserSessions(
  deps: Pick<Deps, 'revocations' | 'sql'>,
  admin: ActingAdmin,
  userId: string,
): Promise<number> {
  const ended = await actAsAdmin(deps, admin, async (sql) => {
    // A sign-in under way is over, and its session to be seen, once the row is ours.
    if ((await lockUser(sql, userId)) === null) throw new AppError('not_found')
    const result = await revokeSessions(sql, {
      userId,
      exceptSessionId: null,
      reason: 'admin_revoked',
      origin: admin.origin,
      actorId: admin.userId,
    })
    return { act: { action: 'user.signed_out', userId, data: { sessions: result.length } }, result }
  })
  await deps.revocations.revoke(ended)
  return ended.length
}
