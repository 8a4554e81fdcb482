import { AppError } from '@latchkey/contracts/errors'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { assertSecondFactorStays } from '../mfa/assert-second-factor-stays.js'
import { lockOwner } from '../mfa/lock-owner.js'
import { forgetDevices } from '../remembered-devices/forget-devices.js'
import { assertNotLastWayIn } from '../ways-in/assert-not-last-way-in.js'
import { deletePasskeys, findOwnPasskey } from './queries.js'

/**
 * Removes one of the user's passkeys. Their sessions stay: the list of them says which device is which.
 * @throws AppError not_found, alike for an unknown one and somebody else's; last_way_in, mfa_required.
 */
export async function removePasskey(
  deps: Pick<Deps, 'config' | 'sql'>,
  { id, userId, sessionId, origin }: { id: string; userId: string; sessionId: string; origin: RequestOrigin },
): Promise<void> {
  await deps.sql.begin(async (sql) => {
    await lockOwner(sql, userId)
    const passkey = await findOwnPasskey(sql, { id, userId })
    if (passkey === null) throw new AppError('not_found')
    // One that is disabled is no way in and no factor any more.
    if (!passkey.isDisabled) {
      const removing = { kind: 'passkey', id } as const
      await assertNotLastWayIn(sql, userId, removing, deps)
      await assertSecondFactorStays(sql, deps, { userId, removing })
    }
    // Some of them may be remembered for this passkey, and be where it was.
    await forgetDevices({ sql }, { userId, origin })
    await deletePasskeys(sql, { userId, id, actorId: userId, sessionId, reason: 'user_removed', origin })
  })
}
