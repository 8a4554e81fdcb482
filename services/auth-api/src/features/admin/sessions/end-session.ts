import { AppError } from '@latchkey/contracts/errors'
import type { Deps } from '../../../deps.js'
import { revokeSessionOfAnyone } from '../../sessions/revoke-sessions.js'
import { actAsAdmin, type ActingAdmin } from '../acting-admin.js'

/** Ends one session, everywhere, before it returns. @throws AppError not_found, alike for an unknown one and one that has ended. */
export async function endSession(
  deps: Pick<Deps, 'revocations' | 'sql'>,
  admin: ActingAdmin,
  sessionId: string,
): Promise<void> {
  await actAsAdmin(deps, admin, async (sql) => {
    const userId = await revokeSessionOfAnyone(sql, {
      sessionId,
      reason: 'admin_revoked',
      origin: admin.origin,
      actorId: admin.userId,
    })
    if (userId === null) throw new AppError('not_found')
    return { act: { action: 'session.ended', userId, data: { sessionId } }, result: null }
  })
  await deps.revocations.revoke([sessionId])
}
