import { Refusal, type Parser } from './parsers.js'

/** An OpenID provider that people may sign in with, as the operator has registered us there. */
export interface OidcProvider {
  /** In our URLs, and in what is stored of whoever signs in. */
  readonly id: string
  /** On buttons. */
  readonly name: string
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scopes: readonly string[]
  /** Whether an address that it calls verified is believed to be the user's. */
  readonly trustEmail: boolean
}

const defaultScopes = ['openid', 'email', 'profile']

type Check = (value: unknown) => string | null

const isText = (value: unknown, shape: RegExp): boolean => typeof value === 'string' && shape.test(value)
const must =
  (isGood: (value: unknown) => boolean, rule: string): Check =>
  (value) =>
    isGood(value) ? null : rule

/** What is wrong with a field, none of which quotes it: the next one is a secret. */
const fields: Readonly<Record<string, { isRequired: boolean; check: Check }>> = {
  id: {
    isRequired: true,
    check: must(
      (value) => isText(value, /^[a-z][a-z0-9-]{0,31}$/) && value !== 'google',
      'must be 1 to 32 of a-z 0-9 -, begin with a letter, and not be google',
    ),
  },
  name: {
    isRequired: true,
    check: must((value) => isText(value, /^[\p{L}\p{N}\p{P}\p{S} ]{1,64}$/u), 'must be 1 to 64 characters'),
  },
  issuer: {
    isRequired: true,
    check: must(isIssuer, 'must be an https URL without user, query and fragment'),
  },
  clientId: {
    isRequired: true,
    check: must((value) => isText(value, /^[!-~]{1,255}$/), 'must be visible ASCII'),
  },
  clientSecret: {
    isRequired: true,
    check: must((value) => isText(value, /^[ -~]{1,1024}$/), 'must be ASCII text'),
  },
  scopes: {
    isRequired: false,
    check: must(isScopes, 'must be a list of scopes, openid among them'),
  },
  trustEmail: {
    isRequired: false,
    check: must((value) => typeof value === 'boolean', 'must be true or false'),
  },
}

/** A JSON array of providers. Every problem of it is told at once. */
export const oidcProviders: Parser<readonly OidcProvider[]> = (text) => {
  const items = readArray(text)
  const problems = items.flatMap((item, index) =>
    problemsOf(item).map((problem) => `entry ${index + 1}: ${problem}`),
  )
  if (problems.length > 0) throw new Refusal(`cannot be used: ${problems.join('; ')}`)
  const providers = items.filter(isProvider).map((item) => ({
    ...item,
    scopes: item.scopes ?? defaultScopes,
    trustEmail: item.trustEmail ?? false,
  }))
  if (new Set(providers.map(({ id }) => id)).size < providers.length)
    throw new Refusal('must give each provider an id of its own')
  return providers
}

function readArray(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value)) return value
  } catch {
    // What the parser says quotes the text, which has secrets in it.
  }
  throw new Refusal('must be a JSON array of providers; docs/federation.md shows one')
}

function problemsOf(item: unknown): string[] {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return ['must be an object']
  const given = new Map<string, unknown>(Object.entries(item))
  const unknown = [...given.keys()].filter((name) => !(name in fields))
  const wrong = Object.entries(fields).flatMap(([name, { isRequired, check }]) => {
    if (!given.has(name)) return isRequired ? [`${name} is missing`] : []
    const problem = check(given.get(name))
    return problem === null ? [] : [`${name} ${problem}`]
  })
  return unknown.length === 0 ? wrong : [...wrong, `knows no field but ${Object.keys(fields).join(', ')}`]
}

/** For what `problemsOf` has found nothing wrong with. */
function isProvider(
  item: unknown,
): item is Omit<OidcProvider, 'scopes' | 'trustEmail'> & Partial<OidcProvider> {
  return problemsOf(item).length === 0
}

/** OpenID Connect Discovery 1.0, section 3. By http only outside production, which `findContradictions` sees to. */
function isIssuer(value: unknown): boolean {
  if (typeof value !== 'string' || !/^https?:\/\/[!-~]+$/.test(value) || !URL.canParse(value)) return false
  const { username, password } = new URL(value)
  return username === '' && password === '' && !/[?#]/.test(value)
}

function isScopes(value: unknown): boolean {
  const isScope = (scope: unknown) => isText(scope, /^[!#-[\]-~]{1,128}$/)
  return Array.isArray(value) && value.length <= 32 && value.every(isScope) && value.includes('openid')
}
