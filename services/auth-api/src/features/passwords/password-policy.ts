import { AppError } from '@latchkey/contracts/errors'
import { commonPasswords } from './common-passwords.js'

/** In code points after NFKC; 800-63B asks for 8 at least and 64 at most at least. The upper end bounds a request's work. */
export const minPasswordLength = 10
export const maxPasswordLength = 128

/** What an attacker who picks this account tries first. */
export interface PasswordOwner {
  email: string
  username: string | null
  name: string | null
}

export interface NewPassword {
  password: string
  owner: PasswordOwner
  /** Hosts that the service is known by; the words in them are as easy to guess as its name. */
  serviceHosts: readonly string[]
}

const productName = 'latchkey'
const rows = ['abcdefghijklmnopqrstuvwxyz', '0123456789', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm']
/** Rows of keys, digits and letters, both ways and over again. */
const runs = rows
  .flatMap((row) => [row, Array.from(row).toReversed().join('')])
  .map((row) => row.repeat(Math.ceil(maxPasswordLength / row.length) + 1))
const longestPattern = 4
const shortestOwnWord = 3

/** Why a password cannot be set, all reasons at once; empty when it can. No composition rules: length and lists do more. */
export function passwordFaults({ password, owner, serviceHosts }: NewPassword): string[] {
  const folded = fold(password)
  const length = countCharacters(password.normalize('NFKC'))
  const faults: string[] = []
  if (length < minPasswordLength) faults.push(`must have at least ${minPasswordLength} characters`)
  if (length > maxPasswordLength) faults.push(`must have at most ${maxPasswordLength} characters`)
  if (isCommon(folded)) faults.push('is a common password, alone or with digits and punctuation around it')
  if (isPattern(folded)) faults.push('is a short pattern repeated, or a row of keys, digits or letters')
  if (isMadeOf(folded, ownWords(owner, serviceHosts)))
    faults.push('is made of your own name, e-mail address or username, or of the name of this service')
  return faults
}

/** @throws AppError validation_failed: what nobody can have set need not be hashed. */
export function assertPresentable(password: string, path: string): void {
  if (countCharacters(password.normalize('NFKC')) > maxPasswordLength) {
    const message = `must have at most ${maxPasswordLength} characters`
    throw new AppError('validation_failed', undefined, { errors: [{ path, message }] })
  }
}

/** @throws AppError password_rejected with every reason. */
export function assertNoFaults(faults: readonly string[], path: string): void {
  if (faults.length === 0) return
  throw new AppError('password_rejected', undefined, { errors: faults.map((message) => ({ path, message })) })
}

const fold = (text: string): string => text.normalize('NFKC').toLowerCase()

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
  const rest = words.reduce((left, word) => left.replaceAll(word, ''), folded)
  return rest !== folded && !/\p{L}/u.test(rest) && isTooShort(rest)
}

const countCharacters = (text: string): number => Array.from(text).length

const isTooShort = (text: string): boolean => countCharacters(text) < minPasswordLength

/** Longest first, so that a whole address goes before its parts. */
function ownWords({ email, username, name }: PasswordOwner, serviceHosts: readonly string[]): string[] {
  const [local = '', domain = ''] = email.split('@')
  const hosts = [domain, ...serviceHosts].flatMap((host) => host.split('.').slice(0, -1))
  const told = [email, local, username ?? '', name ?? ''].flatMap((text) => [
    text,
    ...text.split(/[\s._+-]+/u),
  ])
  return [...new Set([productName, ...hosts, ...told].map(fold))]
    .filter((word) => countCharacters(word) >= shortestOwnWord)
    .toSorted((a, b) => b.length - a.length)
}
