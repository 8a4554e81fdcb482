import type { CookieSession } from '@latchkey/contracts/http/answers'
import { newEmail, password } from './session-driver.js'
import type { ApiAnswer, CallOptions, TestApp } from './test-app.js'

type Method = Parameters<TestApp['api']>[0]

/** The page that the browser shows: an origin of ALLOWED_ORIGINS. */
export const pageOrigin = 'https://app.example.com'

/** What a `Set-Cookie` line says. */
export interface SetCookie {
  readonly name: string
  readonly value: string
  /** In lower case; a flag is true. */
  readonly attributes: Readonly<Record<string, string | true>>
}

export function setCookiesOf({ headers }: Pick<ApiAnswer, 'headers'>): SetCookie[] {
  const header = headers['set-cookie']
  const lines: unknown[] = header === undefined ? [] : [header].flat()
  return lines
    .filter((line) => typeof line === 'string')
    .map((line) => {
      const [pair = '', ...attributes] = line.split('; ')
      const equals = pair.indexOf('=')
      return {
        name: pair.slice(0, equals),
        value: pair.slice(equals + 1),
        attributes: Object.fromEntries(
          attributes.map((attribute) => {
            const [name = '', value] = attribute.split('=', 2)
            return [name.toLowerCase(), value ?? true]
          }),
        ),
      }
    })
}

/** As much of a browser as a session in cookies needs: it keeps them, sends them back, and repeats the CSRF token. */
export class Browser {
  readonly cookies = new Map<string, string>()

  constructor(private readonly api: TestApp['api']) {}

  cookie(name: 'lk_at' | 'lk_rt' | 'lk_csrf'): string {
    const value = this.cookies.get(name)
    if (value === undefined) throw new Error(`The browser has no cookie ${name}`)
    return value
  }

  cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  /** As a page of ours calls; `headers` go over what it would send, and an empty one is left out. */
  async call(method: Method, path: string, options: CallOptions = {}): Promise<ApiAnswer> {
    const headers: Record<string, string> = {
      origin: pageOrigin,
      'x-csrf-token': this.cookies.get('lk_csrf') ?? '',
      cookie: this.cookieHeader(),
      ...options.headers,
    }
    const sent = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''))
    const answer = await this.api(method, path, { ...options, headers: sent })
    for (const { name, value, attributes } of setCookiesOf(answer)) {
      if (attributes['max-age'] === '0') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return answer
  }

  async signIn(email: string): Promise<CookieSession> {
    const body = { email, password }
    return expectSession(await this.call('POST', '/login', { body, headers: { 'x-session-mode': 'cookie' } }))
  }

  async register(email: string = newEmail()): Promise<CookieSession> {
    const body = { email, password }
    return expectSession(
      await this.call('POST', '/register', { body, headers: { 'x-session-mode': 'cookie' } }),
    )
  }
}

function expectSession(answer: ApiAnswer): CookieSession {
  if (answer.status > 201) throw new Error(`answered ${answer.status}: ${JSON.stringify(answer.body)}`)
  return answer.body as unknown as CookieSession
}
