import { AppError } from '@latchkey/contracts/errors'
import type { PasskeyRegistrationBody } from '@latchkey/contracts/http/passkeys'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { takeChallenge } from './challenges/challenge.js'
import { checkAttestation, type NewCredential } from './check-attestation.js'
import { readClientData } from './client-data.js'
import { relyingPartyOf } from './relying-party.js'

export type RegistrationDeps = Pick<Deps, 'config' | 'events' | 'sql'>

export interface Registration extends PasskeyRegistrationBody {
  userId: string
  /** Whom the challenge was given to. */
  boundTo: Buffer
  /** Null in a sign-in that must enrol. */
  sessionId: string | null
  origin: RequestOrigin
}

/** Why a passkey was refused: for the event, never for the answer. */
type Failure = 'invalid_challenge' | 'wrong_origin' | 'invalid_response' | 'known_credential'

/** Uses the challenge up. @throws AppError passkey_rejected, alike for whatever is wrong. */
export async function checkRegistration(
  deps: RegistrationDeps,
  registration: Registration,
): Promise<NewCredential> {
  const outcome = await tryRegistration(deps, registration)
  if (typeof outcome === 'string') throw await refuseRegistration(deps, registration, outcome)
  return outcome
}

async function tryRegistration(
  { config, sql }: RegistrationDeps,
  { userId, boundTo, passkey }: Registration,
): Promise<NewCredential | Failure> {
  const clientData = readClientData(passkey.response.clientDataJSON)
  if (clientData === null) return 'invalid_response'
  const { challenge, origin, isFramed } = clientData
  if (!(await takeChallenge(sql, { purpose: 'registration', userId, boundTo }, challenge)))
    return 'invalid_challenge'
  const relyingParty = relyingPartyOf(config)
  if (isFramed || !relyingParty.origins.includes(origin)) return 'wrong_origin'
  return (await checkAttestation(relyingParty, passkey, challenge)) ?? 'invalid_response'
}

/** Tells of it; to be thrown. */
export async function refuseRegistration(
  { events }: RegistrationDeps,
  { userId, sessionId, origin }: Registration,
  reason: Failure,
): Promise<AppError> {
  const data = { reason, method: 'passkey', during: 'passkey_registration' }
  await events.report(newSecurityEvent('mfa.failed', { ...origin, userId, sessionId, data }))
  return new AppError('passkey_rejected')
}
