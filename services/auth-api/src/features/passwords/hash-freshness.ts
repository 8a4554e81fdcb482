import { bcryptBytes } from '@latchkey/platform/passwords/bcrypt-hash'
import type { StoredHash } from '@latchkey/platform/passwords/stored-hash'
import type { HashParameters } from './hashing-messages.js'

/** Other algorithms and versions count as weaker. Lanes spend the same memory and passes faster, so they don't count. */
export function isWeakerThan(wanted: HashParameters, hash: StoredHash): boolean {
  if (hash.scheme !== 'argon2' || hash.type !== 'argon2id' || hash.version !== 19) return true
  return hash.memoryKib < wanted.memoryKib || hash.passes < wanted.passes
}

/** Which pepper went into a hash; null for none. */
export function keyIdOf(hash: StoredHash): string | null {
  return hash.scheme === 'argon2' ? hash.keyId : null
}

/**
 * Whether the hash fits passwords that differ from this one only in what it never looked at. A new hash of what somebody typed would then
 * shut out who types the rest as it was meant.
 */
export function isBlindToSome(hash: StoredHash, password: string): boolean {
  return hash.scheme === 'bcrypt' && Buffer.byteLength(password) > bcryptBytes
}
