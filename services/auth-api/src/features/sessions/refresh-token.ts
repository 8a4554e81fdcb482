import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Keyring, SecretKeys } from '@latchkey/platform/crypto/keyring'

/** What a refresh token says: which device session, and which of its generations. */
export interface RefreshTokenClaims {
  sessionId: string
  generation: bigint
}

// lk1. + base64url( key id (1) | session id (16) | generation (8, big endian) | HMAC-SHA-256 (32) ).
// 57 bytes make 76 characters with no spare bits, so each token has exactly one spelling.
const prefix = 'lk1.'
const claimsLength = 1 + 16 + 8
const tokenLength = claimsLength + 32
const shape = /^lk1\.[A-Za-z0-9_-]{76}$/
const maxGeneration = 2n ** 63n - 1n

/** A pure function of its arguments: a retry is answered with the very same token, and none is ever stored. */
export function encodeRefreshToken(keys: SecretKeys, { sessionId, generation }: RefreshTokenClaims): string {
  const bytes = Buffer.allocUnsafe(tokenLength)
  bytes.writeUInt8(keys.id, 0)
  bytes.write(sessionId.replaceAll('-', ''), 1, 'hex')
  bytes.writeBigUInt64BE(generation, 17)
  macOf(keys, bytes).copy(bytes, claimsLength)
  return prefix + bytes.toString('base64url')
}

/**
 * Null for anything that we did not issue under a secret still accepted: forged, truncated, extended, foreign.
 * Costs no I/O, and the same time wherever the MAC differs, so that nothing is learnt by trying.
 */
export function decodeRefreshToken(keyring: Keyring, token: string): RefreshTokenClaims | null {
  if (!shape.test(token)) return null
  const bytes = Buffer.from(token.slice(prefix.length), 'base64url')
  const mac = bytes.subarray(claimsLength)
  const isOurs = keyring.named(bytes.readUInt8(0)).some((keys) => timingSafeEqual(macOf(keys, bytes), mac))
  if (!isOurs) return null
  const generation = bytes.readBigUInt64BE(17)
  if (generation < 1n || generation > maxGeneration) return null
  const hex = bytes.toString('hex', 1, 17)
  const sessionId = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  return { sessionId, generation }
}

function macOf(keys: SecretKeys, bytes: Buffer): Buffer {
  return createHmac('sha256', keys.refreshToken).update(bytes.subarray(0, claimsLength)).digest()
}
