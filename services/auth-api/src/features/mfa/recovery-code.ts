import { createHash, randomBytes } from 'node:crypto'

// Crockford's base32: digits and letters that nobody takes for each other. 32 of 256: the low five bits of a byte are even.
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const length = 28 // 140 random bits, more than anybody guesses, so that a plain hash is enough
const groupLength = 4
const shape = new RegExp(`^[${alphabet}]{${length}}$`)

/** How many a user gets at once. */
const codesAtOnce = 10

/** Codes to be shown once, and what is kept of them. */
export function newRecoveryCodes(): { codes: string[]; hashes: Buffer[] } {
  const codes = Array.from({ length: codesAtOnce }, newRecoveryCode)
  return { codes, hashes: codes.map((code) => sha256(code.replaceAll('-', ''))) }
}

/** For people to print: `k7mq-9xw4-…`. */
function newRecoveryCode(): string {
  const characters = Array.from(randomBytes(length), (byte) => alphabet.charAt(byte & 31))
  const groups = Array.from({ length: length / groupLength }, (_, group) =>
    characters.slice(group * groupLength, (group + 1) * groupLength).join(''),
  )
  return groups.join('-')
}

/** SHA-256 of a code however it is typed: in capitals, with spaces, with o for 0. Null for what is none. */
export function hashRecoveryCode(typed: string): Buffer | null {
  const code = typed.toLowerCase().replaceAll(/[\s-]/g, '').replaceAll('o', '0').replaceAll(/[il]/g, '1')
  return shape.test(code) ? sha256(code) : null
}

function sha256(code: string): Buffer {
  return createHash('sha256').update(code).digest()
}
