import type { Sql } from '@latchkey/platform/database/client'
import { deleteIdentities, type IdentityRemoval } from './queries.js'

/**
 * For the owner of an account that somebody else had: by what that one has linked they would come back. In the caller's transaction,
 * which has locked the user.
 */
export const discardIdentities = (sql: Sql, removal: IdentityRemoval): Promise<void> =>
  deleteIdentities(sql, removal)
