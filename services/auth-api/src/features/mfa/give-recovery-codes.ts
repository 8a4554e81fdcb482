import type { Sql } from '@latchkey/platform/database/client'
import { forgetUnusedRecoveryCodes, insertRecoveryCodes } from './enrolment/queries.js'
import { newRecoveryCodes } from './recovery-code.js'

/** For whoever has just got their first factor, inside the caller's transaction: codes to be shown once, in place of any of before. */
export async function giveRecoveryCodes(sql: Sql, userId: string): Promise<string[]> {
  const { codes, hashes } = newRecoveryCodes()
  await forgetUnusedRecoveryCodes(sql, userId)
  await insertRecoveryCodes(sql, { userId, hashes })
  return codes
}
