import { pageOrigin, type Browser } from './browser.js'
import type { ApiAnswer } from './test-app.js'

export type Headers = Record<string, string>

/** What a request came to. */
export const outcomeOf = ({ status, body }: ApiAnswer): unknown => (status < 300 ? 'done' : body['code'])

/** What `origins` takes for ours. */
export const ownPages = {
  allowedOrigins: [pageOrigin, 'https://admin.example.com'],
  publicUrl: 'https://auth.example.com/behind/a/path',
}

/** Where a request says that it comes from; an empty header is not sent. */
export const origins: [name: string, headers: Headers, isOurs: boolean][] = [
  ['a page of ours', { origin: pageOrigin }, true],
  ['another page of ours', { origin: 'https://admin.example.com', 'sec-fetch-site': 'same-site' }, true],
  [
    'a page of the API’s own origin',
    { origin: 'https://auth.example.com', 'sec-fetch-site': 'same-origin' },
    true,
  ],
  ['the same page, no Origin', { origin: '', 'sec-fetch-site': 'same-origin' }, true],
  ['the address bar', { origin: '', 'sec-fetch-site': 'none' }, true],
  ['no browser, or an old one', { origin: '' }, true],
  ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, false],
  ['another site, in an old browser', { origin: 'https://evil.example' }, false],
  [
    'another site that says same-origin',
    { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
    false,
  ],
  ['a sibling host', { origin: 'https://blog.example.com', 'sec-fetch-site': 'same-site' }, false],
  ['another port', { origin: `${pageOrigin}:8443` }, false],
  ['plain http', { origin: 'http://app.example.com' }, false],
  ['a longer name', { origin: `${pageOrigin}.evil.example` }, false],
  ['upper case', { origin: 'https://APP.example.com' }, false],
  ['two origins', { origin: `${pageOrigin}, ${pageOrigin}` }, false],
  ['a sandboxed frame', { origin: 'null' }, false],
  ['a sandboxed frame, same origin', { origin: 'null', 'sec-fetch-site': 'same-origin' }, false],
  ['another site, no Origin', { origin: '', 'sec-fetch-site': 'cross-site' }, false],
  ['a sibling host, no Origin', { origin: '', 'sec-fetch-site': 'same-site' }, false],
  ['a fetch site that nobody knows', { origin: '', 'sec-fetch-site': 'same-origin, none' }, false],
]

export function without(browser: Browser, name: string): string {
  return browser
    .cookieHeader()
    .split('; ')
    .filter((pair) => !pair.startsWith(`${name}=`))
    .join('; ')
}

/** The browser with this CSRF token in place of its own, in cookie and header alike. */
export const withToken = (browser: Browser, token: string): Headers => ({
  cookie: `${without(browser, 'lk_csrf')}; lk_csrf=${token}`,
  'x-csrf-token': token,
})
