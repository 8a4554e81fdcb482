import { createHash, randomBytes } from 'node:crypto'

// lkr_ + base64url( 32 random bytes ). 256 bits leave 2 of the last of 43 characters unused: each token has exactly one spelling.
const prefix = 'lkr_'
const shape = /^lkr_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/** What a device keeps. Looked up by its hash, and good for nothing without its user's password. */
export function newRememberToken(): { token: string; hash: Buffer } {
  const token = prefix + randomBytes(32).toString('base64url')
  return { token, hash: sha256(token) }
}

/** Null for what cannot be one of ours. */
export function hashRememberToken(token: string): Buffer | null {
  return shape.test(token) ? sha256(token) : null
}

function sha256(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
