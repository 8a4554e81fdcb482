import type { Sql } from '@latchkey/platform/database/client'
import { lockOutLastAdmin } from './queries.js'

/**
 * For whatever takes an account away. To be called first in the transaction: it takes the lock under which admins come and go,
 * before any lock on a row, so that of two admins who leave at once the second sees that the first has left.
 * @throws an error of the database that is answered as `last_admin`.
 */
export function assertNotLastAdmin(sql: Sql, userId: string): Promise<void> {
  return lockOutLastAdmin(sql, userId)
}
