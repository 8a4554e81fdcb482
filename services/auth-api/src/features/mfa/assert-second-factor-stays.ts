import { AppError } from '@latchkey/contracts/errors'
import type { Config } from '@latchkey/platform/config/config'
import type { Sql } from '@latchkey/platform/database/client'
import { isLastRequiredFactor } from './enrolment/queries.js'

/** What is about to go. */
export type RemovedFactor = { kind: 'totp' } | { kind: 'passkey'; id: string }

/**
 * Refuses to take the last second factor from somebody who must have one. Sure under `lockOwner`; before a code or a password is looked at it
 * spares them both. What an admin does for somebody who has lost it all, and what an owner finds of a stranger's, is not asked.
 * @throws AppError mfa_required.
 */
export async function assertSecondFactorStays(
  sql: Sql,
  { config }: { config: Pick<Config, 'requireMfa'> },
  { userId, removing }: { userId: string; removing: RemovedFactor },
): Promise<void> {
  if (!(await isLastRequiredFactor(sql, { userId, removing, requireMfa: config.requireMfa }))) return
  throw new AppError(
    'mfa_required',
    'This account must have a second factor: set another one up first, and it takes the place of this one.',
  )
}
