import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { OneTimePurpose } from '@latchkey/contracts/one-time-tokens'
import { newId } from '../crypto/identifiers.js'
import type { Keyring, SecretKeys } from '../crypto/keyring.js'

/** A token as its row has it. */
export interface OneTimeToken {
  readonly purpose: OneTimePurpose
  /** UUIDv7. Names the token in events and jobs, and is worth nothing without AUTH_SECRET. */
  readonly id: string
  /** SHA-256 of what is presented. */
  readonly hash: Buffer
}

// lkl_ + base64url( key id (1) | row id (16) | HMAC-SHA-256 (32) ), the MAC over key id, row id and purpose.
// 49 bytes leave 4 bits of the last of 66 characters unused: it is one of four, so that each token has exactly one spelling.
const prefix = 'lkl_'
const claimsLength = 1 + 16
const tokenLength = claimsLength + 32
const shape = /^lkl_[A-Za-z0-9_-]{65}[AQgw]$/

export function newOneTimeToken(keyring: Keyring, purpose: OneTimePurpose): OneTimeToken {
  const id = newId()
  return { purpose, id, hash: sha256(encodeOneTimeToken(keyring.current, { purpose, id })) }
}

/** A pure function: the worker derives the token when it writes the mail, and until then it is nowhere. */
export function encodeOneTimeToken(
  keys: SecretKeys,
  { purpose, id }: Pick<OneTimeToken, 'purpose' | 'id'>,
): string {
  const bytes = Buffer.allocUnsafe(tokenLength)
  bytes.writeUInt8(keys.id, 0)
  bytes.write(id.replaceAll('-', ''), 1, 'hex')
  macOf(keys, bytes, purpose).copy(bytes, claimsLength)
  return prefix + bytes.toString('base64url')
}

/** Null for what we did not issue for this purpose under a secret still accepted. No I/O, and no time that tells anything. */
export function decodeOneTimeToken(
  keyring: Keyring,
  purpose: OneTimePurpose,
  token: string,
): OneTimeToken | null {
  if (!shape.test(token)) return null
  const bytes = Buffer.from(token.slice(prefix.length), 'base64url')
  const mac = bytes.subarray(claimsLength)
  const isOurs = keyring
    .named(bytes.readUInt8(0))
    .some((keys) => timingSafeEqual(macOf(keys, bytes, purpose), mac))
  if (!isOurs) return null
  const hex = bytes.toString('hex', 1, claimsLength)
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  return { purpose, id, hash: sha256(token) }
}

/**
 * The very token that a row stands for, also when AUTH_SECRET has changed since: a mail that is tried again shows the same link.
 * Null when its secret is gone.
 */
export function recoverOneTimeToken(keyring: Keyring, { purpose, id, hash }: OneTimeToken): string | null {
  const tokens = keyring.accepted.map((keys) => encodeOneTimeToken(keys, { purpose, id }))
  return tokens.find((token) => sha256(token).equals(hash)) ?? null
}

function macOf(keys: SecretKeys, bytes: Buffer, purpose: OneTimePurpose): Buffer {
  return createHmac('sha256', keys.oneTimeToken)
    .update(bytes.subarray(0, claimsLength))
    .update(purpose)
    .digest()
}

function sha256(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
