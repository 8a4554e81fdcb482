import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Keyring, SecretKeys } from '@latchkey/platform/crypto/keyring'

/**
 * Says that a user has signed in on a device before. It authenticates nobody: it only lets the device past a lockout that strangers
 * have brought about, to guesses that are counted for itself (OWASP, "device cookies").
 */
export interface DevicePass {
  userId: string
  /** The same for as long as the device keeps its pass. */
  deviceId: string
  /** By the database's clock, in milliseconds. A password that was set later makes the pass void. */
  issuedAt: Date
}

export const devicePassSeconds = 180 * 86_400

// base64url( key id (1) | user id (16) | device id (16) | issued at, ms (6) | HMAC-SHA-256 (32) ).
// 71 bytes make 95 characters; the last one has two bits to spare, which must be zero, so that each pass has one spelling.
const claimsLength = 1 + 16 + 16 + 6
const passLength = claimsLength + 32
const shape = /^[A-Za-z0-9_-]{94}[AEIMQUYcgkosw048]$/

export function encodeDevicePass(keys: SecretKeys, { userId, deviceId, issuedAt }: DevicePass): string {
  const bytes = Buffer.allocUnsafe(passLength)
  bytes.writeUInt8(keys.id, 0)
  bytes.write(userId.replaceAll('-', ''), 1, 'hex')
  bytes.write(deviceId.replaceAll('-', ''), 17, 'hex')
  bytes.writeUIntBE(issuedAt.getTime(), 33, 6)
  macOf(keys, bytes).copy(bytes, claimsLength)
  return bytes.toString('base64url')
}

/** Null for what we did not issue under a secret still accepted, and for what is too old. Whose it is, is for the caller to ask. */
export function decodeDevicePass(keyring: Keyring, text: string, now = Date.now()): DevicePass | null {
  if (!shape.test(text)) return null
  const bytes = Buffer.from(text, 'base64url')
  const mac = bytes.subarray(claimsLength)
  if (!keyring.named(bytes.readUInt8(0)).some((keys) => timingSafeEqual(macOf(keys, bytes), mac))) return null
  const issuedAt = bytes.readUIntBE(33, 6)
  if (issuedAt + devicePassSeconds * 1000 <= now) return null
  return { userId: idAt(bytes, 1), deviceId: idAt(bytes, 17), issuedAt: new Date(issuedAt) }
}

function idAt(bytes: Buffer, start: number): string {
  const hex = bytes.toString('hex', start, start + 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function macOf(keys: SecretKeys, bytes: Buffer): Buffer {
  return createHmac('sha256', keys.devicePass).update(bytes.subarray(0, claimsLength)).digest()
}
