import { createCipheriv, pbkdf2, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { readStoredHash } from '@latchkey/platform/passwords/stored-hash'
import { bcryptBytes, type BcryptHash } from '@latchkey/platform/passwords/bcrypt-hash'
import type { Pbkdf2Hash } from '@latchkey/platform/passwords/pbkdf2-hash'
import type { FirebaseScryptHash, ScryptHash } from '@latchkey/platform/passwords/scrypt-hash'
import { verify as verifyArgon2 } from 'argon2'
import { compare as compareBcrypt } from 'bcrypt'

const derivePbkdf2 = promisify(pbkdf2)

/** Off this thread, whatever the scheme. @throws HashRefusal. */
export async function verifyHash(
  stored: string,
  password: string,
  signerKey: Buffer | null,
): Promise<boolean> {
  const hash = readStoredHash(stored)
  if (hash.scheme === 'argon2') return verifyArgon2(hash.phc, password)
  if (hash.scheme === 'bcrypt') return verifyBcrypt(hash, password)
  if (hash.scheme === 'pbkdf2') return verifyPbkdf2(hash, password)
  if (hash.scheme === 'scrypt') return verifyScrypt(hash, password)
  return verifyFirebaseScrypt(hash, password, signerKey)
}

/**
 * Where the hash was made, a byte of zero ended the password or did not, depending on the library. Nobody types one, and whoever sends
 * one gets no benefit of that doubt.
 */
async function verifyBcrypt({ modular }: BcryptHash, password: string): Promise<boolean> {
  const isRight = await compareBcrypt(Buffer.from(password).subarray(0, bcryptBytes), modular)
  return isRight && !password.includes('\0')
}

const blockBytes = { sha1: 20, sha256: 32, sha512: 64 } as const

/** Each block of the key costs all iterations once more, and the first alone tells as much: whoever attacks the hash computes no other. */
async function verifyPbkdf2(
  { digest, iterations, salt, key }: Pbkdf2Hash,
  password: string,
): Promise<boolean> {
  const length = Math.min(key.length, blockBytes[digest])
  const derived = await derivePbkdf2(password, salt, iterations, length, digest)
  return timingSafeEqual(derived, key.subarray(0, length))
}

async function verifyScrypt(hash: ScryptHash, password: string): Promise<boolean> {
  return timingSafeEqual(await deriveScrypt(hash, password, hash.key.length), hash.key)
}

/** https://firebaseopensource.com/projects/firebase/scrypt: AES-256-CTR with a counter that begins at zero. */
async function verifyFirebaseScrypt(
  hash: FirebaseScryptHash,
  password: string,
  projectKey: Buffer | null,
): Promise<boolean> {
  const signerKey = hash.signerKey ?? projectKey
  const derived = await deriveScrypt(hash, password, 32)
  if (signerKey === null || signerKey.length !== hash.key.length) return false
  return timingSafeEqual(createCipheriv('aes-256-ctr', derived, Buffer.alloc(16)).update(signerKey), hash.key)
}

function deriveScrypt(
  { cost, blockSize, lanes, salt }: Omit<ScryptHash, 'scheme'>,
  password: string,
  length: number,
): Promise<Buffer> {
  // What OpenSSL counts: the blocks of one lane, those of the lanes, and some to work with.
  const maxmem = 128 * blockSize * (cost + lanes + 2) + 1024
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, { N: cost, r: blockSize, p: lanes, maxmem }, (error, derived) => {
      if (error === null) resolve(derived)
      else reject(error)
    })
  })
}
