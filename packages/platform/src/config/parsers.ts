import { isIP } from 'node:net'

/** Turns the text of a setting into its value, or throws `Refusal`. Never quotes the text: it may be a secret. */
export type Parser<T> = (text: string) => T

/** Why a value is refused, worded to follow the setting's name: "must be …". */
export class Refusal extends Error {}

export interface Limit {
  readonly max: number
  readonly windowSeconds: number
}

/** Whose account needs a second factor. */
export interface MfaRequirement {
  readonly everyone: boolean
  /** Roles admin and auditor. */
  readonly admins: boolean
  readonly userTypes: readonly string[]
}

const secondsPerUnit = { s: 1, m: 60, h: 3600, d: 86_400 } as const

function isUnit(text: string | undefined): text is keyof typeof secondsPerUnit {
  return text !== undefined && text in secondsPerUnit
}

/** Digits only: no sign, no fraction, no exponent and no `0x`, so that a typo cannot mean another number. */
function readWholeNumber(text: string): number | null {
  return /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : null
}

function readDurationSeconds(text: string): number | null {
  const [, digits, unit] = /^(\d+)([smhd])$/.exec(text) ?? []
  const count = readWholeNumber(digits ?? '')
  return count === null || !isUnit(unit) ? null : count * secondsPerUnit[unit]
}

function readUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null
}

export function wholeNumber(min: number, max: number): Parser<number> {
  return (text) => {
    const value = readWholeNumber(text)
    if (value === null || value < min || value > max)
      throw new Refusal(`must be a whole number from ${min} to ${max}`)
    return value
  }
}

/** `30s`, `15m`, `12h` or `7d`, in seconds. */
export function duration(min: string, max: string): Parser<number> {
  const minSeconds = readDurationSeconds(min) ?? Infinity
  const maxSeconds = readDurationSeconds(max) ?? -Infinity
  return (text) => {
    const seconds = readDurationSeconds(text)
    if (seconds === null || seconds < minSeconds || seconds > maxSeconds) {
      throw new Refusal(`must be a duration like 30s, 15m, 12h or 7d, from ${min} to ${max}`)
    }
    return seconds
  }
}

/** What is switched off by a plain 0. */
export function zeroOr(parse: Parser<number>): Parser<number> {
  return (text) => (text === '0' ? 0 : parse(text))
}

/** `COUNT/WINDOW`, such as `10/15m`. */
export const limit: Parser<Limit> = (text) => {
  const [count = '', window = '', ...rest] = text.split('/')
  const max = readWholeNumber(count)
  const windowSeconds = readDurationSeconds(window)
  const isInRange =
    max !== null &&
    max >= 1 &&
    max <= 1_000_000 &&
    windowSeconds !== null &&
    windowSeconds >= 1 &&
    windowSeconds <= 86_400
  if (!isInRange || rest.length > 0) {
    throw new Refusal(
      'must be COUNT/WINDOW like 10/15m, with a count from 1 to 1000000 and a window from 1s to 24h',
    )
  }
  return { max, windowSeconds }
}

/** Exactly `true` or `false`: `TRUE`, `yes`, `1` and a stray space stop the start instead of meaning "off". */
export const flag: Parser<boolean> = (text) => {
  if (text !== 'true' && text !== 'false') throw new Refusal('must be true or false')
  return text === 'true'
}

export function oneOf<const T extends string>(...values: readonly T[]): Parser<T> {
  return (text) => {
    const found = values.find((value) => value === text)
    if (found === undefined) throw new Refusal(`must be one of ${values.join(', ')}`)
    return found
  }
}

export function listOf<T>(parse: Parser<T>): Parser<readonly T[]> {
  return (text) => text.split(',').map((item) => parse(item.trim()))
}

/**
 * `admins`, `everyone`, or a list of `admins` and types of users; `none` alone. A list says that admins are in it, so that nobody lets
 * them go by asking more of others.
 */
export const mfaRequirement: Parser<MfaRequirement> = (text) => {
  const words = text.split(',').map((word) => word.trim())
  const has = (word: string): boolean => words.includes(word)
  const everyone = has('everyone')
  const isAlone = words.length === 1
  const isList =
    words.every((word) => /^[A-Za-z0-9_-]{1,64}$/.test(word)) && new Set(words).size === words.length
  if (!isList || (!isAlone && (has('none') || everyone)) || !(has('none') || has('admins') || everyone)) {
    throw new Refusal('must be admins, everyone, none, or a list of admins and userTypes like admins,teacher')
  }
  return {
    everyone,
    admins: everyone || has('admins'),
    userTypes: words.filter((word) => !['admins', 'everyone', 'none'].includes(word)),
  }
}

/** Visible ASCII, because it travels in headers, claims or key names. */
export function token(minLength: number, maxLength: number): Parser<string> {
  return (text) => {
    if (!/^[\x21-\x7e]*$/.test(text) || text.length < minLength || text.length > maxLength) {
      throw new Refusal(`must be ${minLength} to ${maxLength} visible ASCII characters without spaces`)
    }
    return text
  }
}

export function bytes(min: number, max: number): Parser<string> {
  return (text) => {
    const length = Buffer.byteLength(text)
    if (length < min || length > max) throw new Refusal(`must be ${min} to ${max} bytes long`)
    return text
  }
}

export const host: Parser<string> = (text) => {
  const isName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(text) && !/^[\d.]+$/.test(text)
  if (isIP(text) === 0 && !isName) throw new Refusal('must be an IP address or a host name')
  return text
}

/** A store's address. The host is required: without one a driver would fall back to its own environment variables. */
export function connectionUrl(...schemes: readonly string[]): Parser<string> {
  return (text) => {
    const url = readUrl(text)
    const scheme = url?.protocol.slice(0, -1) ?? ''
    if (url === null || !schemes.includes(scheme) || url.host === '') {
      throw new Refusal(`must be a URL like ${schemes[0] ?? 'scheme'}://user:password@host:port/name`)
    }
    return text
  }
}

/** An http(s) URL that can be an issuer identifier: no query and no fragment (RFC 8414, section 2), no user, no trailing slash. */
export const baseUrl: Parser<string> = (text) => {
  const url = readUrl(text)
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  const isPlain = /^[!-~]+$/.test(text) && !/[?#]|\/$/.test(text)
  if (url === null || !isHttp || !isPlain || url.username !== '' || url.password !== '') {
    throw new Refusal('must be an http or https URL without user, query, fragment or trailing slash')
  }
  return text
}

/** Compared byte for byte with the Origin header, so it must be spelled as a browser spells it. */
export const origin: Parser<string> = (text) => {
  const url = readUrl(text)
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (url === null || !isHttp || url.origin !== text || text.includes('*')) {
    throw new Refusal(
      'must list exact origins like https://app.example.com, in lower case, without path, slash or *',
    )
  }
  return text
}

/**
 * An address or a CIDR whose X-Forwarded-For is believed. A bare number (hops) is refused, because Fastify trusts nobody
 * then, and so is /0, because anyone could choose the address that limits count by.
 */
export const network: Parser<string> = (text) => {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  const bits = prefix === undefined ? undefined : readWholeNumber(prefix)
  const isNetwork = family !== 0 && bits !== null && rest.length === 0
  if (!isNetwork || bits === 0 || (bits !== undefined && bits > (family === 4 ? 32 : 128))) {
    throw new Refusal(
      'must list IP addresses or CIDRs like 10.0.0.0/8; a number of hops or /0 is not accepted',
    )
  }
  return text
}
