import { AppError } from '@latchkey/contracts/errors'
import type { Sql } from '@latchkey/platform/database/client'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { deleteRememberedDevice, deleteRememberedDevices } from './queries.js'

/** The device is asked for the second factor again. Sessions go on. @throws AppError not_found, alike for someone else's. */
export async function forgetDevice(
  { sql }: Pick<Deps, 'sql'>,
  device: { id: string; userId: string; origin: RequestOrigin },
): Promise<void> {
  if (!(await deleteRememberedDevice(sql, device))) throw new AppError('not_found')
}

/** The same for all of a user's, also inside a caller's transaction; answers how many. Whatever ends all sessions does it by itself. */
export function forgetDevices(
  { sql }: { sql: Sql },
  owner: { userId: string; origin: RequestOrigin },
): Promise<number> {
  return deleteRememberedDevices(sql, owner)
}
