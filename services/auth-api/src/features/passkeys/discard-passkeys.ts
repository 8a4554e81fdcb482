import type { Sql } from '@latchkey/platform/database/client'
import { deletePasskeys, type PasskeyRemoval } from './queries.js'

/**
 * Removes all passkeys of a user, or those that were made `since`, and tells of it once, inside the caller's transaction and under `lockOwner`.
 * False when there were none.
 */
export async function discardPasskeys(
  sql: Sql,
  removal: Omit<PasskeyRemoval, 'id'> & { reason: Exclude<PasskeyRemoval['reason'], 'user_removed'> },
): Promise<boolean> {
  return (await deletePasskeys(sql, removal)) > 0
}
