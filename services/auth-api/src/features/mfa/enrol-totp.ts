import type { TotpSetup } from '@latchkey/contracts/http/answers'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { checkPendingSeed, nothingSetUp, type CheckDeps } from './enrolment/check-pending-seed.js'
import { enablePendingSeed } from './enrolment/queries.js'
import {
  completeRequiredEnrolment,
  getRequiredEnrolment,
  type CompletedEnrolment,
} from './enrolment/required-enrolment.js'
import { amrOf } from './presented-code.js'
import { setUpTotp } from './set-up-totp.js'

type EnrolDeps = CheckDeps & Pick<Deps, 'config' | 'revocations'>

/** The same as `setUpTotp`, for somebody who does not get in without. @throws AppError one_time_token_invalid, session_revoked. */
export async function setUpRequiredTotp(
  deps: Pick<Deps, 'config' | 'keyring' | 'sql'>,
  mfaToken: string,
): Promise<TotpSetup> {
  const { userId } = await getRequiredEnrolment(deps, mfaToken)
  return setUpTotp(deps, userId)
}

/**
 * Puts what was set up in force once a code of it is right, and completes the sign-in.
 * @throws AppError mfa_code_invalid, one_time_token_invalid, rate_limited.
 */
export async function enrolRequiredTotp(
  deps: EnrolDeps,
  { mfaToken, code, origin }: { mfaToken: string; code: string; origin: RequestOrigin },
): Promise<CompletedEnrolment> {
  const enrolment = await getRequiredEnrolment(deps, mfaToken)
  const { tokenHash, userId } = enrolment
  const counted = tokenHash.toString('base64url')
  const seed = await checkPendingSeed(deps, { userId, sessionId: null, code, counted, origin })
  return completeRequiredEnrolment(deps, { ...enrolment, amr: amrOf.totp, origin }, async (sql) => {
    if (!(await enablePendingSeed(sql, { userId, sessionId: null, ...seed, origin }))) throw nothingSetUp()
  })
}
