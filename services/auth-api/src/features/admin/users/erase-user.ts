import { AppError } from '@latchkey/contracts/errors'
import type { Deps } from '../../../deps.js'
import { eraseUser as erase, finishErasure } from '../../personal-data/erase-user.js'
import { actAsAdmin, type ActingAdmin } from '../acting-admin.js'

/** Erases somebody else. @throws AppError not_found, forbidden (their own account: DELETE /me asks for the password). */
export async function eraseUser(
  deps: Pick<Deps, 'keyring' | 'log' | 'revocations' | 'sql'>,
  admin: ActingAdmin,
  userId: string,
): Promise<void> {
  const ended = await actAsAdmin(deps, admin, async (sql) => {
    const result = await erase(sql, deps, { userId, sessionId: admin.sessionId, origin: admin.origin })
    if (result === null) throw new AppError('not_found')
    return { act: { action: 'user.erased', userId }, result }
  })
  await finishErasure(deps, userId, ended)
}
