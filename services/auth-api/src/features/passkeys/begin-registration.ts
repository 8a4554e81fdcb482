import { AppError } from '@latchkey/contracts/errors'
import type { PasskeyCreationOptions } from '@latchkey/contracts/http/passkeys'
import type { Deps } from '../../deps.js'
import { challengeSeconds, newChallenge } from './challenges/challenge.js'
import { describePasskeys } from './describe-passkeys.js'
import { listUsablePasskeys } from './queries.js'
import { countPasskeys, findRegistrant } from './registration/queries.js'
import { relyingPartyOf, supportedAlgorithms } from './relying-party.js'
import { userHandleOf } from './user-handle.js'

/** So that nobody fills the table, and more than anybody carries. */
export const maxPasskeys = 20

/**
 * What a browser needs to make a passkey. Always one that its authenticator can list, so that it signs in without a name, and one that asks
 * for a finger, a face or a PIN, so that it is two factors.
 * @param boundTo who may bring it: the session that asks, or the token of a sign-in that must enrol.
 * @throws AppError session_revoked, too_many_passkeys.
 */
export async function beginRegistration(
  { config, sql }: Pick<Deps, 'config' | 'sql'>,
  { userId, boundTo }: { userId: string; boundTo: Buffer },
): Promise<PasskeyCreationOptions> {
  const registrant = await findRegistrant(sql, userId)
  // Disabled or deleted since the access token was checked: no session of theirs is left either.
  if (registrant === null) throw new AppError('session_revoked')
  if ((await countPasskeys(sql, userId)) >= maxPasskeys) throw new AppError('too_many_passkeys')
  const { id, name } = relyingPartyOf(config)
  return {
    challenge: await newChallenge(sql, { purpose: 'registration', userId, boundTo }),
    timeout: challengeSeconds * 1000,
    rp: { id, name },
    user: {
      id: userHandleOf(userId),
      name: registrant.email,
      displayName: registrant.name ?? registrant.email,
    },
    pubKeyCredParams: supportedAlgorithms.map((alg) => ({ type: 'public-key', alg })),
    excludeCredentials: describePasskeys(await listUsablePasskeys(sql, userId)),
    authenticatorSelection: {
      residentKey: 'required',
      requireResidentKey: true,
      userVerification: 'required',
    },
    attestation: 'none',
  }
}
