import { createHash, hkdfSync } from 'node:crypto'

/** What one AUTH_SECRET is good for: a key a purpose, so that no two uses ever share one. */
export interface SecretKeys {
  /** One byte that names the secret in tokens and sealed values without telling anything about it. */
  readonly id: number
  /** HMAC-SHA-256 of refresh tokens. */
  readonly refreshToken: Buffer
  /** AES-256-GCM of what is sealed at rest. */
  readonly sealing: Buffer
  /** Keyed hashes of account names in rate-limit keys. */
  readonly rateLimit: Buffer
  /** Keyed hashes of whom a guess was at, in the table of counters. */
  readonly guesses: Buffer
  /** Keyed hashes of whom detection counts events of. */
  readonly detection: Buffer
  /** HMAC-SHA-256 of device passes. */
  readonly devicePass: Buffer
  /** HMAC-SHA-256 of CSRF tokens. */
  readonly csrf: Buffer
  /** HMAC-SHA-256 of the tokens in links of mails. */
  readonly oneTimeToken: Buffer
  /** Seed of the Ed25519 key that signs heads of the audit log. */
  readonly auditChain: Buffer
}

export interface Keyring {
  /** Everything new is made with these. */
  readonly current: SecretKeys
  /** The current one, then the previous one while it is accepted: for values that don't name their secret. */
  readonly accepted: readonly SecretKeys[]
  /** The secrets that an id may mean, the current one first: none when the id is unknown, two when both happen to share it. */
  named(id: number): readonly SecretKeys[]
}

const keyBytes = 32

/** Derives every key from AUTH_SECRET, and from AUTH_SECRET_PREVIOUS while a change of the secret is under way. */
export function createKeyring(authSecret: string, authSecretPrevious: string | null): Keyring {
  const current = deriveKeys(authSecret)
  const accepted = authSecretPrevious === null ? [current] : [current, deriveKeys(authSecretPrevious)]
  // One pair of secrets in 256 shares an id. Whoever looks one up tries each: the MAC tells them apart.
  return { current, accepted, named: (id) => accepted.filter((keys) => keys.id === id) }
}

/** HKDF-SHA-256 (RFC 5869) with an empty salt: the secret is uniform or at least long, and the label separates the uses. */
export function deriveKey(secret: string, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `latchkey/${label}`, keyBytes))
}

function deriveKeys(secret: string): SecretKeys {
  return {
    id: createHash('sha256').update(deriveKey(secret, 'key-id/v1')).digest().readUInt8(0),
    refreshToken: deriveKey(secret, 'refresh-token/v1'),
    sealing: deriveKey(secret, 'sealing/v1'),
    rateLimit: deriveKey(secret, 'rate-limit/v1'),
    guesses: deriveKey(secret, 'guesses/v1'),
    detection: deriveKey(secret, 'detection/v1'),
    devicePass: deriveKey(secret, 'device-pass/v1'),
    csrf: deriveKey(secret, 'csrf-token/v1'),
    oneTimeToken: deriveKey(secret, 'one-time-token/v1'),
    auditChain: deriveKey(secret, 'audit-chain/v1'),
  }
}
