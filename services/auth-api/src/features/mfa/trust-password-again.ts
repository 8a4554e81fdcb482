import type { Sql } from '@latchkey/platform/database/client'
import { clearSecondFactorDemand } from './queries.js'

/**
 * Ends the demand for more than a password that an alert has made: once a new one was set by whoever reads the account's mail, or on the word of an
 * admin. In the caller's transaction, which has locked the user.
 */
export function trustPasswordAgain(sql: Sql, userId: string): Promise<void> {
  return clearSecondFactorDemand(sql, userId)
}
