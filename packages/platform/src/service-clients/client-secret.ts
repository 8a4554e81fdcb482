import { createHash, randomBytes } from 'node:crypto'

// 32 bytes make 43 characters. The prefix lets scanners of repositories and logs recognise a leaked one.
const prefix = 'lks_'
const shape = /^lks_[A-Za-z0-9_-]{43}$/

export interface NewClientSecret {
  /** Shown once, to whoever asked for it. */
  readonly secret: string
  readonly hash: Buffer
}

export function newClientSecret(): NewClientSecret {
  const secret = prefix + randomBytes(32).toString('base64url')
  return { secret, hash: sha256(secret) }
}

/**
 * What is stored and compared; null for what was never a secret of ours. A plain SHA-256, because the secret is 256 random bits: a
 * slow hash protects what can be guessed, and would make every introspection slow.
 */
export function hashClientSecret(secret: string): Buffer | null {
  return shape.test(secret) ? sha256(secret) : null
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
