import { createHash, randomBytes } from 'node:crypto'

// lkm_ + base64url( 32 random bytes ). 256 bits leave 2 of the last of 43 characters unused: each token has exactly one spelling.
const prefix = 'lkm_'
const shape = /^lkm_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/** How long a person may look for the phone. */
export const mfaTokenSeconds = 300

/** How long a person may take to install an app and scan its code. */
export const enrolmentSeconds = 900

/** What stands for a passed first factor until the second is given. Looked up by its hash, and good for nothing else. */
export function newMfaToken(): { token: string; hash: Buffer } {
  const token = prefix + randomBytes(32).toString('base64url')
  return { token, hash: sha256(token) }
}

/** Null for what cannot be one of ours. */
export function hashMfaToken(token: string): Buffer | null {
  return shape.test(token) ? sha256(token) : null
}

function sha256(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
