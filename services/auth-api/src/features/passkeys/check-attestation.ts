import type { PasskeyAttestation } from '@latchkey/contracts/http/passkeys'
import { verifyRegistrationResponse } from '@simplewebauthn/server'
import { decodeAttestationObject } from '@simplewebauthn/server/helpers'
import { supportedAlgorithms, type RelyingParty } from './relying-party.js'

/** What is kept of a new passkey. */
export interface NewCredential {
  credentialId: Buffer
  publicKey: Buffer
  signCount: number
  isSynced: boolean
  isBackedUp: boolean
  transports: string[]
}

/** Web Authentication Level 3, 5.8.4, and those that browsers have added; what else a client writes is dropped. */
const knownTransports: ReadonlySet<string> = new Set([
  'ble',
  'cable',
  'hybrid',
  'internal',
  'nfc',
  'smart-card',
  'usb',
])

/** Of a COSE_Key: RSA with 8192 bits fits, and no key is worth more work. */
const maxPublicKeyBytes = 2048

/** Null for anything but a good answer to the challenge, which the caller has used up. Touches nothing outside this process. */
export async function checkAttestation(
  relyingParty: RelyingParty,
  { id, rawId, type, response }: PasskeyAttestation,
  challenge: string,
): Promise<NewCredential | null> {
  try {
    if (!isPlain(response.attestationObject)) return null
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: {
        id,
        rawId,
        type,
        response: { clientDataJSON: response.clientDataJSON, attestationObject: response.attestationObject },
        clientExtensionResults: {},
      },
      expectedChallenge: challenge,
      expectedOrigin: [...relyingParty.origins],
      expectedRPID: relyingParty.id,
      requireUserPresence: true,
      requireUserVerification: true,
      supportedAlgorithmIDs: [...supportedAlgorithms],
    })
    if (!verified) return null
    const { credential, credentialDeviceType, credentialBackedUp } = registrationInfo
    const publicKey = Buffer.from(credential.publicKey)
    if (credential.id !== id || publicKey.length > maxPublicKeyBytes) return null
    return {
      credentialId: Buffer.from(credential.id, 'base64url'),
      publicKey,
      signCount: credential.counter,
      isSynced: credentialDeviceType === 'multiDevice',
      isBackedUp: credentialBackedUp,
      transports: (response.transports ?? []).filter((transport) => knownTransports.has(transport)),
    }
  } catch {
    // The library throws for whatever is wrong with a response, and does no I/O for the two formats below.
    return null
  }
}

/**
 * We ask for no attestation, and a browser then sends none, or one by the passkey itself. One with certificates comes from somebody who
 * writes requests by hand, and checking it would fetch the lists of revoked ones from where these say.
 */
function isPlain(attestationObject: string): boolean {
  const attestation = decodeAttestationObject(new Uint8Array(Buffer.from(attestationObject, 'base64url')))
  const format = attestation.get('fmt')
  return format === 'none' || (format === 'packed' && attestation.get('attStmt').get('x5c') === undefined)
}
