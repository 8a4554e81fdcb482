import type { PasskeyAssertion } from '@latchkey/contracts/http/passkeys'
import { verifyAuthenticationResponse } from '@simplewebauthn/server'
import type { StoredPasskey } from './queries.js'
import type { RelyingParty } from './relying-party.js'
import { userHandleOf } from './user-handle.js'

/** What an authenticator has signed, beside the challenge. */
export interface Assertion {
  signCount: number
  isBackedUp: boolean
}

/** Null for anything but a good answer of this passkey to the challenge, which the caller has used up. Touches nothing outside this process. */
export async function checkAssertion(
  relyingParty: RelyingParty,
  { id, rawId, type, response }: PasskeyAssertion,
  { stored, challenge, isUserKnown }: { stored: StoredPasskey; challenge: string; isUserKnown: boolean },
): Promise<Assertion | null> {
  const { clientDataJSON, authenticatorData, signature, userHandle } = response
  // An authenticator that was told which passkeys would do may leave it out, where the user is known otherwise.
  const toldUser = userHandle ?? (isUserKnown ? userHandleOf(stored.userId) : null)
  if (toldUser !== userHandleOf(stored.userId)) return null
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: {
        id,
        rawId,
        type,
        response: { clientDataJSON, authenticatorData, signature },
        clientExtensionResults: {},
      },
      expectedChallenge: challenge,
      expectedOrigin: [...relyingParty.origins],
      expectedRPID: relyingParty.id,
      requireUserVerification: true,
      // Zero, because the counter is compared where it is raised, by one statement.
      credential: { id, publicKey: new Uint8Array(stored.publicKey), counter: 0 },
    })
    if (!verified) return null
    const { newCounter, credentialDeviceType, credentialBackedUp } = authenticationInfo
    // Web Authentication Level 3, 7.2: whether a passkey can be copied never changes.
    if ((credentialDeviceType === 'multiDevice') !== stored.isSynced) return null
    return { signCount: newCounter, isBackedUp: credentialBackedUp }
  } catch {
    // The library throws for whatever is wrong with a response, and does no I/O.
    return null
  }
}
