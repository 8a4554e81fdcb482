import { readArgon2, type Argon2Hash } from './argon2-hash.js'
import { readBcrypt, type BcryptHash } from './bcrypt-hash.js'
import { HashRefusal } from './hash-refusal.js'
import { readPbkdf2, type Pbkdf2Hash } from './pbkdf2-hash.js'
import { readFirebaseScrypt, readScrypt, type FirebaseScryptHash, type ScryptHash } from './scrypt-hash.js'

export { HashRefusal } from './hash-refusal.js'

/** What `credentials.password_hash` may hold. */
export type StoredHash = Argon2Hash | BcryptHash | Pbkdf2Hash | ScryptHash | FirebaseScryptHash

const maxLength = 512

// By what a hash begins with. `$2x$` was made by a bcrypt with a bug that lets other passwords in, and is not among them.
const readers: readonly (readonly [RegExp, (text: string) => StoredHash | null])[] = [
  [/^\$argon2(?:id|i|d)\$/, readArgon2],
  [/^\$2[aby]\$/, readBcrypt],
  [/^\$scrypt\$/, readScrypt],
  [/^(?:\$pbkdf2(?:-sha(?:1|256|512))?\$|pbkdf2_sha(?:1|256)\$)/, readPbkdf2],
  [/^\$fbscrypt\$/, readFirebaseScrypt],
]

/**
 * Reads a hash of any known form. Parameters are bounded, so that no row, whoever wrote it, can keep a processor busy for more than about
 * a second or take the memory that others hash with.
 * @throws HashRefusal for anything else.
 */
export function readStoredHash(text: string): StoredHash {
  const reader = readers.find(([beginning]) => beginning.test(text))
  const hash = text.length > maxLength ? null : reader?.[1](text)
  if (hash === null || hash === undefined) throw new HashRefusal('is no hash of a known form')
  return hash
}
