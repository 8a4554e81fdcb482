import { AppError } from '@latchkey/contracts/errors'
import type { SecondFactors } from '@latchkey/contracts/http/answers'
import type { Deps } from '../../deps.js'
import { findSecondFactors } from './enrolment/queries.js'

/** @throws AppError session_revoked. */
export async function readSecondFactors(
  { config, sql }: Pick<Deps, 'config' | 'sql'>,
  userId: string,
): Promise<SecondFactors> {
  const { requireMfa, mfaRememberTtlSeconds } = config
  const found = await findSecondFactors(sql, { userId, requireMfa, rememberSeconds: mfaRememberTtlSeconds })
  // Deleted since the access token was checked: no session of theirs is left either.
  if (found === null) throw new AppError('session_revoked')
  const { totpEnabledAt, ...others } = found
  return { totp: totpEnabledAt && { enabledAt: totpEnabledAt.toISOString() }, ...others }
}
