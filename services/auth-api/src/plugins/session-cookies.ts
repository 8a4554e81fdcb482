import type { IncomingMessage } from 'node:http'

/** A cookie of ours as a request brings it. */
export type SessionCookie = { kind: 'none' } | { kind: 'twice' } | { kind: 'value'; value: string }

export type SessionCookieName =
  'accessToken' | 'refreshToken' | 'csrfToken' | 'devicePass' | 'rememberToken' | 'browserSecret'

interface Definition {
  readonly name: string
  readonly attributes: string
}

/** What `Set-Cookie` and `Cookie` say of a session. Names, paths and flags stand here and nowhere else. */
export interface SessionCookies {
  readonly names: Readonly<Record<SessionCookieName, string>>
  read(request: IncomingMessage, name: SessionCookieName): SessionCookie
  /** A `Set-Cookie` line. */
  write(name: SessionCookieName, value: string, maxAgeSeconds: number): string
  /** The lines that take those of a session back. */
  readonly expired: readonly string[]
}

/** Browsers keep no cookie whose name and value are longer together (RFC 6265bis, 5.6). */
const maxCookieLength = 4096

const none: SessionCookie = { kind: 'none' }

/**
 * `__Host-` has the browser see to it that only this host, over https, has set the cookie. The refresh token goes to our API alone;
 * with a path there is `__Secure-` left. Outside production, over plain http, browsers would drop both, so that there is no prefix.
 * SameSite=Strict: no other site's page ever sends them, but for the one that has to come back from elsewhere.
 */
export function createSessionCookies(isProduction: boolean): SessionCookies {
  const flags = `; SameSite=Strict${isProduction ? '; Secure' : ''}`
  const named = (prefix: string, name: string): string => (isProduction ? prefix + name : name)
  const definitions: Readonly<Record<SessionCookieName, Definition>> = {
    accessToken: { name: named('__Host-', 'lk_at'), attributes: `; Path=/; HttpOnly${flags}` },
    refreshToken: { name: named('__Secure-', 'lk_rt'), attributes: `; Path=/api; HttpOnly${flags}` },
    csrfToken: { name: named('__Host-', 'lk_csrf'), attributes: `; Path=/${flags}` }, // the page's script repeats it
    devicePass: { name: named('__Host-', 'lk_dev'), attributes: `; Path=/; HttpOnly${flags}` },
    rememberToken: { name: named('__Host-', 'lk_mfa'), attributes: `; Path=/; HttpOnly${flags}` },
    // Lax, because a provider leads back to us from a page of its own.
    browserSecret: {
      name: named('__Host-', 'lk_fed'),
      attributes: `; Path=/; HttpOnly; SameSite=Lax${isProduction ? '; Secure' : ''}`,
    },
  }

  function write(cookie: SessionCookieName, value: string, maxAgeSeconds: number): string {
    const { name, attributes } = definitions[cookie]
    if (name.length + value.length > maxCookieLength) throw new Error(`The cookie ${name} is too long`)
    return `${name}=${value}; Max-Age=${maxAgeSeconds}${attributes}`
  }

  return {
    names: {
      accessToken: definitions.accessToken.name,
      refreshToken: definitions.refreshToken.name,
      csrfToken: definitions.csrfToken.name,
      devicePass: definitions.devicePass.name,
      rememberToken: definitions.rememberToken.name,
      browserSecret: definitions.browserSecret.name,
    },
    read: ({ headers }, cookie) =>
      headers.cookie === undefined ? none : findCookie(headers.cookie, definitions[cookie].name),
    write,
    expired: [write('accessToken', '', 0), write('refreshToken', '', 0), write('csrfToken', '', 0)],
  }
}

/**
 * Two cookies under one name are nobody's: which of them comes first is up to whoever planted the other. Names are compared
 * exactly and lose spaces and tabs only, because browsers enforce the prefixes on exact names.
 */
function findCookie(header: string, name: string): SessionCookie {
  let found: SessionCookie = none
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals === -1 || withoutSpaces(pair.slice(0, equals)) !== name) continue
    if (found !== none) return { kind: 'twice' }
    found = { kind: 'value', value: withoutSpaces(pair.slice(equals + 1)) }
  }
  return found
}

/** Without a regular expression: `[ \t]+$` takes quadratic time on spaces that something follows. */
function withoutSpaces(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start += 1
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1
  return text.slice(start, end)
}

function isSpace(character: number): boolean {
  return character === 0x20 || character === 0x09
}
