import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'
import { deleteSecondFactors } from './enrolment/queries.js'

/** Of an account whose owner turns out to be somebody else than who enrolled them. Inside the caller's transaction. */
export async function discardSecondFactors(
  sql: Sql,
  { userId, origin }: { userId: string; origin: RequestOrigin },
): Promise<void> {
  const reason = 'address_proven'
  await deleteSecondFactors(sql, { userId, actorId: userId, sessionId: null, reason, origin })
}
