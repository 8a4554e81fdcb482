import { AppError } from '@latchkey/contracts/errors'
import type { Config } from '@latchkey/platform/config/config'
import { isCommonPassword } from './common-passwords.js'

/** In code points after NFKC: it bounds what a request can make us do. */
const maxPasswordLength = 128

type PolicySettings = Pick<Config, 'passwordMinLength' | 'passwordBreachCheckUrl'>

/** For people who read the API page (ASVS 6.1.2). */
export function describePasswordRules({ passwordMinLength, passwordBreachCheckUrl }: PolicySettings): string {
  const breached = passwordBreachCheckUrl === null ? '' : ', those known from breaches'
  return (
    `Passwords have ${passwordMinLength} to ${maxPasswordLength} characters of any kind and are compared in Unicode's NFKC. ` +
    `Refused are common ones${breached}, patterns, rows of keys, and those made of the name, e-mail address or username of their ` +
    'owner or of the name of this service.'
  )
}

const rows = ['abcdefghijklmnopqrstuvwxyz', '0123456789', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm']
/** Rows of letters, digits and keys, both ways and over again. */
const runs = rows
  .flatMap((row) => [row, Array.from(row).toReversed().join('')])
  .map((row) => row.repeat(Math.ceil(maxPasswordLength / row.length) + 1))
const longestPattern = 4

interface Measure {
  /** In code points after NFKC. */
  minLength: number
  /** What an attacker who picks this account tries first, longest first. */
  ownWords: readonly string[]
}

/** Why a password cannot be set, all reasons at once; none when it can. No composition rules: length and lists do more. */
export function passwordFaults(password: string, { minLength, ownWords }: Measure): string[] {
  const folded = fold(password)
  const length = countCharacters(password.normalize('NFKC'))
  const faults: string[] = []
  if (length < minLength) faults.push(`must have at least ${minLength} characters`)
  if (length > maxPasswordLength) faults.push(tooLong)
  if (isCommon(folded, minLength))
    faults.push('is a common password, alone or with digits and punctuation around it')
  if (isPattern(folded)) faults.push('is a short pattern repeated, or a row of letters, digits or keys')
  if (isMadeOf(folded, ownWords, minLength))
    faults.push('is made of your name, e-mail address or username, or of the name of this service')
  return faults
}

/** A password that nobody can have set is not worth a hash. @throws AppError validation_failed. */
export function assertPresentable(password: string, path: string): void {
  if (countCharacters(password.normalize('NFKC')) <= maxPasswordLength) return
  throw new AppError('validation_failed', undefined, { errors: [{ path, message: tooLong }] })
}

const tooLong = `must have at most ${maxPasswordLength} characters`
const fold = (text: string): string => text.normalize('NFKC').toLowerCase()
const countCharacters = (text: string): number => Array.from(text).length

/** `password1!` and `passwordpassword` are no better than `password`: what surrounds the word would not do alone. */
function isCommon(folded: string, minLength: number): boolean {
  const words = folded.replace(/^\P{L}+/u, '').replace(/\P{L}+$/u, '')
  const word = words.slice(0, periodOf(words))
  const isDecorated = countCharacters(folded.replace(words, '')) < minLength
  return isCommonPassword(folded) || (isDecorated && isCommonPassword(word))
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

function isMadeOf(folded: string, words: readonly string[], minLength: number): boolean {
  const rest = words.reduce((left, word) => left.replaceAll(fold(word), ''), folded)
  return rest !== folded && !/\p{L}/u.test(rest) && countCharacters(rest) < minLength
}
