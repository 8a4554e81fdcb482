import type { PasskeyCreationOptions, PasskeyRegistrationBody } from '@latchkey/contracts/http/passkeys'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import {
  completeRequiredEnrolment,
  getRequiredEnrolment,
  type CompletedEnrolment,
} from '../mfa/enrolment/required-enrolment.js'
import { beginRegistration } from './begin-registration.js'
import { checkRegistration, refuseRegistration, type RegistrationDeps } from './check-registration.js'
import { keepPasskey, KnownCredential } from './keep-passkey.js'
import { amrOfPasskey } from './passkey-amr.js'

/** The same as `beginRegistration`, for somebody who does not get in without a second factor. @throws AppError one_time_token_invalid. */
export async function beginRequiredPasskey(
  deps: Pick<Deps, 'config' | 'sql'>,
  mfaToken: string,
): Promise<PasskeyCreationOptions> {
  const { userId, tokenHash } = await getRequiredEnrolment(deps, mfaToken)
  return beginRegistration(deps, { userId, boundTo: tokenHash })
}

/**
 * Keeps the passkey that was made, and completes the sign-in.
 * @throws AppError passkey_rejected, one_time_token_invalid.
 */
export async function enrolRequiredPasskey(
  deps: RegistrationDeps & Pick<Deps, 'revocations'>,
  { mfaToken, origin, ...body }: PasskeyRegistrationBody & { mfaToken: string; origin: RequestOrigin },
): Promise<CompletedEnrolment> {
  const enrolment = await getRequiredEnrolment(deps, mfaToken)
  const { userId, tokenHash: boundTo } = enrolment
  const registration = { ...body, userId, boundTo, sessionId: null, origin }
  const credential = await checkRegistration(deps, registration)
  const amr = amrOfPasskey(credential)
  try {
    return await completeRequiredEnrolment(deps, { ...enrolment, amr, origin }, async (sql) => {
      await keepPasskey(sql, registration, credential)
    })
  } catch (error) {
    throw error instanceof KnownCredential
      ? await refuseRegistration(deps, registration, 'known_credential')
      : error
  }
}
