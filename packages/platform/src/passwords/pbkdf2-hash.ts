import { HashRefusal, keyBytes, readBase64, saltBytes, tooCostly } from './hash-refusal.js'

export interface Pbkdf2Hash {
  readonly scheme: 'pbkdf2'
  readonly digest: 'sha1' | 'sha256' | 'sha512'
  readonly iterations: number
  readonly salt: Buffer
  readonly key: Buffer
}

// PHC writes `i=600000`, with or without `l=32`; passlib writes the number alone, and `$pbkdf2$` for SHA-1.
const phc = /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{1,8})(?:,l=\d{1,3})?\$([^$]*)\$([^$]+)$/
/** Django writes its salt as it is, not in base64. */
const django = /^pbkdf2_(sha1|sha256)\$(\d{1,8})\$([^$]+)\$([^$]+)$/

const maxIterations = 2_000_000

export function readPbkdf2(text: string): Pbkdf2Hash | null {
  const fromDjango = django.exec(text)
  const [, digest = 'sha1', count, saltText = '', keyText = ''] = fromDjango ?? phc.exec(text) ?? []
  const salt =
    fromDjango === null ? readBase64(saltText, saltBytes.min, saltBytes.max) : Buffer.from(saltText)
  const key = readBase64(keyText, keyBytes.min, keyBytes.max)
  const iterations = Number(count)
  if (digest !== 'sha1' && digest !== 'sha256' && digest !== 'sha512') return null
  if (salt === null || key === null || !(iterations >= 1)) return null
  if (iterations > maxIterations) throw new HashRefusal(tooCostly)
  return { scheme: 'pbkdf2', digest, iterations, salt, key }
}
