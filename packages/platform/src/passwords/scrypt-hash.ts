import { HashRefusal, keyBytes, readBase64, saltBytes, tooCostly } from './hash-refusal.js'

interface ScryptParameters {
  /** N of RFC 7914. */
  readonly cost: number
  readonly blockSize: number
  readonly lanes: number
  readonly salt: Buffer
  readonly key: Buffer
}

export interface ScryptHash extends ScryptParameters {
  readonly scheme: 'scrypt'
}

/** Firebase encrypts a key of the project with what scrypt makes of the password, and keeps the ciphertext. */
export interface FirebaseScryptHash extends ScryptParameters {
  readonly scheme: 'firebase-scrypt'
  /** Null where the setting FIREBASE_SIGNER_KEY has it. */
  readonly signerKey: Buffer | null
}

const phc = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([^$]*)\$([^$]+)$/
/** The form that supabase/auth gave it, so that its rows fit as they are. */
const firebase =
  /^\$fbscrypt\$v=1,n=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})(?:,ss=([^,$]*))?(?:,sk=([^,$]+))?\$([^$]*)\$([^$]+)$/

const maxMemoryTimesLanes = 256 * 1024 * 1024

/** PHC, which passlib writes too. */
export function readScrypt(text: string): ScryptHash | null {
  const [, ln, r, p, salt = '', key = ''] = phc.exec(text) ?? []
  const parameters = readParameters([ln, r, p], readBase64(salt, saltBytes.min, saltBytes.max), key)
  return parameters === null ? null : { scheme: 'scrypt', ...parameters }
}

export function readFirebaseScrypt(text: string): FirebaseScryptHash | null {
  const [, ln, r, p, separatorText = '', signerKeyText, saltText = '', key = ''] = firebase.exec(text) ?? []
  const separator = readBase64(separatorText, 0, 16)
  const salt = readBase64(saltText, saltBytes.min, saltBytes.max)
  const signerKey = signerKeyText === undefined ? null : readBase64(signerKeyText, 16, 64)
  if (separator === null || salt === null || (signerKeyText !== undefined && signerKey === null)) return null
  const parameters = readParameters([ln, r, p], Buffer.concat([salt, separator]), key)
  return parameters === null ? null : { scheme: 'firebase-scrypt', signerKey, ...parameters }
}

function readParameters(
  numbers: readonly (string | undefined)[],
  salt: Buffer | null,
  keyText: string,
): ScryptParameters | null {
  const [log2 = 0, blockSize = 0, lanes = 0] = numbers.map(Number)
  const key = readBase64(keyText, keyBytes.min, keyBytes.max)
  if (salt === null || key === null || !(log2 >= 1 && blockSize >= 1 && lanes >= 1)) return null
  const cost = 2 ** log2
  if (128 * cost * blockSize * lanes > maxMemoryTimesLanes) throw new HashRefusal(tooCostly)
  return { cost, blockSize, lanes, salt, key }
}
