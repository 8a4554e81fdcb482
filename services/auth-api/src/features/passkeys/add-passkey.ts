import type { PasskeyAdded } from '@latchkey/contracts/http/passkeys'
import { giveRecoveryCodes } from '../mfa/give-recovery-codes.js'
import { lockOwner } from '../mfa/lock-owner.js'
import {
  checkRegistration,
  refuseRegistration,
  type Registration,
  type RegistrationDeps,
} from './check-registration.js'
import { keepPasskey, KnownCredential } from './keep-passkey.js'
import { passkeyAnswer } from './passkey-answer.js'
import { hasFactor } from './registration/queries.js'

/**
 * Keeps a passkey that was made for our challenge. With the first factor come recovery codes: without them whoever loses it would be kept out of
 * their own settings. No session ends: the password alone still signs in, and whoever has one of the others came in by what is enough.
 * @throws AppError passkey_rejected, too_many_passkeys, session_revoked.
 */
export async function addPasskey(deps: RegistrationDeps, registration: Registration): Promise<PasskeyAdded> {
  const credential = await checkRegistration(deps, registration)
  const { userId } = registration
  try {
    return await deps.sql.begin(async (sql) => {
      await lockOwner(sql, userId)
      const isFirst = !(await hasFactor(sql, userId))
      const passkey = passkeyAnswer(await keepPasskey(sql, registration, credential))
      return { passkey, recoveryCodes: isFirst ? await giveRecoveryCodes(sql, userId) : null }
    })
  } catch (error) {
    throw error instanceof KnownCredential
      ? await refuseRegistration(deps, registration, 'known_credential')
      : error
  }
}
