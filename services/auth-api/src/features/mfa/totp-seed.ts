import type { Keyring } from '@latchkey/platform/crypto/keyring'
import { isSealedWith, open, seal } from '@latchkey/platform/crypto/seal'

/** For the row of this user: in another one it does not open. */
export const sealSeed = (keyring: Keyring, userId: string, seed: Buffer): Buffer =>
  seal(keyring.current, seed, boundTo(userId))

/** Throws `UnsealError` when the secret that sealed it is gone. */
export const openSeed = (keyring: Keyring, userId: string, sealed: Buffer): Buffer =>
  open(keyring, sealed, boundTo(userId))

/** The same seed under the current secret, so that the one before can go. */
export function resealSeed(keyring: Keyring, userId: string, sealed: Buffer): Buffer {
  if (isSealedWith(keyring.current, sealed, boundTo(userId))) return sealed
  return sealSeed(keyring, userId, openSeed(keyring, userId, sealed))
}

const boundTo = (userId: string): string => `totp-seed:${userId}`
