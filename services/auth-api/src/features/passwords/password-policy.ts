import { AppError } from '@latchkey/contracts/errors'
import { commonPasswords } from './common-passwords.js'

/** In code points after NFKC. NIST SP 800-63B asks for 8 at least; the upper end bounds what a request can make us do. */
export const minPasswordLength = 10
export const maxPasswordLength = 128

/** For people who read the API page (ASVS 6.1.2). */
export const passwordRules =
  `Passwords have ${minPasswordLength} to ${maxPasswordLength} characters of any kind and are compared in Unicode's NFKC. ` +
  'Refused are common ones, patterns, rows of keys, and those made of the name, e-mail address or username of their owner or ' +
  'of the name of this service.'

const rows = ['abcdefghijklmnopqrstuvwxyz', '0123456789', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm']
/** Rows of letters, digits and keys, both ways and over again. */
const runs = rows
  .flatMap((row) => [row, Array.from(row).toReversed().join('')])
  .map((row) => row.repeat(Math.ceil(maxPasswordLength / row.length) + 1))
const longestPattern = 4

/**
 * Why a password cannot be set, all reasons at once; none when it can. No composition rules: length and lists do more.
 * `ownWords` are what an attacker who picks this account tries first, longest first.
 */
export function passwordFaults(password: string, ownWords: readonly string[]): string[] {
  const folded = fold(password)
  const length = countCharacters(password.normalize('NFKC'))
  const faults: string[] = []
  if (length < minPasswordLength) faults.push(`must have at least ${minPasswordLength} characters`)
  if (length > maxPasswordLength) faults.push(tooLong)
  if (isCommon(folded)) faults.push('is a common password, alone or with digits and punctuation around it')
  if (isPattern(folded)) faults.push('is a short pattern repeated, or a row of letters, digits or keys')
  if (isMadeOf(folded, ownWords))
    faults.push('is made of your name, e-mail address or username, or of the name of this service')
  return faults
}

/** @throws AppError password_rejected with every fault. */
export function assertNoFaults(faults: readonly string[], path: string): void {
  if (faults.length === 0) return
  throw new AppError('password_rejected', undefined, { errors: faults.map((message) => ({ path, message })) })
}

/** A password that nobody can have set is not worth a hash. @throws AppError validation_failed. */
export function assertPresentable(password: string, path: string): void {
  if (countCharacters(password.normalize('NFKC')) <= maxPasswordLength) return
  throw new AppError('validation_failed', undefined, { errors: [{ path, message: tooLong }] })
}

const tooLong = `must have at most ${maxPasswordLength} characters`
const fold = (text: string): string => text.normalize('NFKC').toLowerCase()
const countCharacters = (text: string): number => Array.from(text).length
const isTooShort = (text: string): boolean => countCharacters(text) < minPasswordLength

/** `password1!` and `passwordpassword` are no better than `password`: what surrounds the word would not do alone. */
function isCommon(folded: string): boolean {
  const words = folded.replace(/^\P{L}+/u, '').replace(/\P{L}+$/u, '')
  const word = words.slice(0, periodOf(words))
  return commonPasswords.has(folded) || (commonPasswords.has(word) && isTooShort(folded.replace(words, '')))
}

function isPattern(folded: string): boolean {
  const period = periodOf(folded)
  return (period < folded.length && period <= longestPattern) || runs.some((run) => run.includes(folded))
}

/** After how many characters `text` begins to repeat itself; its length when it does not. */
function periodOf(text: string): number {
  let period = 1
  while (!text.startsWith(text.slice(period))) period += 1
  return period
}

function isMadeOf(folded: string, words: readonly string[]): boolean {
  const rest = words.reduce((left, word) => left.replaceAll(fold(word), ''), folded)
  return rest !== folded && !/\p{L}/u.test(rest) && isTooShort(rest)
}
