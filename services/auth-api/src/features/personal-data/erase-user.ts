import type { Sql } from '@latchkey/platform/database/client'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { clearLockout } from '../guessing/clear-lockout.js'
import { eraseUserRows } from './queries.js'

/** A user and the admin's session that erases them. */
export interface Erasure {
  userId: string
  sessionId: string
  origin: RequestOrigin
}

/**
 * Erases somebody on the word of an admin, as part of the caller's transaction, and tells of it. The ids of the sessions that
 * ended, which the caller hands to `finishErasure` once it has committed; null when there is no such user.
 * @throws what is answered as forbidden, unless the session is one of an enabled admin, and another one than the user.
 */
export async function eraseUser(
  sql: Sql,
  deps: Pick<Deps, 'keyring'>,
  erasure: Erasure,
): Promise<string[] | null> {
  await clearLockout(sql, deps, erasure.userId)
  return eraseUserRows(sql, erasure)
}

/** Everywhere, before it is answered. */
export async function finishErasure(
  { log, revocations }: Pick<Deps, 'log' | 'revocations'>,
  userId: string,
  endedSessionIds: readonly string[],
): Promise<void> {
  await revocations.revoke(endedSessionIds)
  // The one trace from which an operator who has restored an older backup can erase them again.
  log.info({ userId }, 'A user was erased')
}
