import { HashRefusal, keyBytes, readBase64, tooCostly } from './hash-refusal.js'

export interface Argon2Hash {
  readonly scheme: 'argon2'
  readonly type: 'argon2d' | 'argon2i' | 'argon2id'
  /** 19 is the present one; 16 is what a string without a version means. */
  readonly version: 16 | 19
  readonly memoryKib: number
  readonly passes: number
  readonly lanes: number
  /** Which pepper went into it; null for none. */
  readonly keyId: string | null
  /** The string itself, without `keyId`: what a library of Argon2 verifies. */
  readonly phc: string
}

const form =
  /^\$(argon2id|argon2i|argon2d)(?:\$v=(16|19))?\$m=([1-9]\d{0,6}),t=([1-9]\d?),p=([1-9]\d?)(,keyid=([\w+/]{8}))?\$([^$]+)\$([^$]+)$/

/** As far as settings go: hashes of our own were made by them. What is imported has narrower bounds. */
const largest = { memoryKib: 1_048_576, passes: 20, lanes: 16 }
const largestImported = { memoryKib: 262_144, memoryKibTimesPasses: 524_288 }

/** PHC string of the reference implementation. The data parameter, which it leaves out, is not taken either. */
export function readArgon2(text: string): Argon2Hash | null {
  const [, type, version = '16', m, t, p, keyIdPart = '', keyId, salt = '', key = ''] = form.exec(text) ?? []
  const [memoryKib, passes, lanes] = [Number(m), Number(t), Number(p)]
  if (type !== 'argon2id' && type !== 'argon2i' && type !== 'argon2d') return null
  if (readBase64(salt, 8, 128) === null || readBase64(key, keyBytes.min, keyBytes.max) === null) return null
  if (memoryKib > largest.memoryKib || passes > largest.passes || lanes > largest.lanes)
    throw new HashRefusal(tooCostly)
  return {
    scheme: 'argon2',
    type,
    version: version === '19' ? 19 : 16,
    memoryKib,
    passes,
    lanes,
    keyId: keyId ?? null,
    phc: text.replace(keyIdPart, ''),
  }
}

/** Whether Argon2 with these parameters may come from elsewhere: at most about a second, and 256 MiB. */
export function isAffordable({ memoryKib, passes }: Argon2Hash): boolean {
  const { memoryKib: most, memoryKibTimesPasses } = largestImported
  return memoryKib <= most && memoryKib * passes <= memoryKibTimesPasses
}
