import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { Keyring, SecretKeys } from './keyring.js'

// key id (1) | nonce (12) | ciphertext | tag (16). AES-256-GCM (NIST SP 800-38D) with a random nonce: safe for 2^32 values a
// key, and Latchkey seals a few a year.
const cipher = 'aes-256-gcm'
const nonceLength = 12
const tagLength = 16
const overhead = 1 + nonceLength + tagLength

/** The one answer to every value that cannot be opened: which part was wrong helps nobody but an attacker. */
export class UnsealError extends Error {
  constructor() {
    super('The sealed value cannot be opened')
    this.name = 'UnsealError'
  }
}

/** Encrypts for storage. `boundTo` names the place that the value is stored in: copied anywhere else it does not open. */
export function seal(keys: SecretKeys, plaintext: Buffer, boundTo: string): Buffer {
  const header = Buffer.concat([Buffer.of(keys.id), randomBytes(nonceLength)])
  const encryption = createCipheriv(cipher, keys.sealing, header.subarray(1), { authTagLength: tagLength })
  encryption.setAAD(associatedData(keys.id, boundTo))
  return Buffer.concat([header, encryption.update(plaintext), encryption.final(), encryption.getAuthTag()])
}

/** Throws `UnsealError` for a value that was changed, cut, moved, or sealed under a secret that is no longer known. */
export function open(keyring: Keyring, sealed: Buffer, boundTo: string): Buffer {
  if (sealed.length < overhead) throw new UnsealError()
  for (const keys of keyring.named(sealed.readUInt8(0))) {
    const plaintext = decrypt(keys, sealed, boundTo)
    if (plaintext !== null) return plaintext
  }
  throw new UnsealError()
}

/** Whether exactly this secret opens the value: what an older one sealed is lost when that one goes. */
export function isSealedWith(keys: SecretKeys, sealed: Buffer, boundTo: string): boolean {
  return (
    sealed.length >= overhead && sealed.readUInt8(0) === keys.id && decrypt(keys, sealed, boundTo) !== null
  )
}

function decrypt(keys: SecretKeys, sealed: Buffer, boundTo: string): Buffer | null {
  const nonce = sealed.subarray(1, 1 + nonceLength)
  const decryption = createDecipheriv(cipher, keys.sealing, nonce, { authTagLength: tagLength })
  decryption.setAAD(associatedData(keys.id, boundTo))
  decryption.setAuthTag(sealed.subarray(-tagLength))
  try {
    return Buffer.concat([
      decryption.update(sealed.subarray(1 + nonceLength, -tagLength)),
      decryption.final(),
    ])
  } catch {
    return null
  }
}

function associatedData(keyId: number, boundTo: string): Buffer {
  return Buffer.concat([Buffer.of(keyId), Buffer.from(boundTo, 'utf8')])
}
