// Attack: another site's page, or a sibling host's, makes a visitor's browser change something here with the visitor's cookies.
import { createHmac, randomBytes } from 'node:crypto'
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import t from 'tap'
import { createCsrfToken } from '@latchkey/auth-api/plugins/csrf-token'
import { Browser, setCookiesOf } from './support/browser.js'
import { origins, outcomeOf, ownPages, withToken, without, type Headers } from './support/forged-requests.js'
import { register, storedSession } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const previousSecret = randomBytes(32).toString('hex')
const { api, app, db, deps } = await createTestApp(t, {
  useCookieSessions: true,
  ...ownPages,
  authSecretPrevious: previousSecret,
})

const { sessionId: otherSessionId, ...other } = await register(app)
const resident = new Browser(api)
const { sessionId: residentId, user } = await resident.register()

/** What a browser sends as token, for the session in its cookies. */
const tokens: [name: string, headers: (browser: Browser, sessionId: string) => Headers, isRight: boolean][] =
  [
    ['the right token', () => ({}), true],
    ['the previous secret’s', (browser, id) => withToken(browser, tokenOf(previousSecret, id)), true],
    ['no header', () => ({ 'x-csrf-token': '' }), false],
    ['no cookie', (browser) => ({ cookie: without(browser, 'lk_csrf') }), false],
    ['neither', (browser) => ({ cookie: without(browser, 'lk_csrf'), 'x-csrf-token': '' }), false],
    [
      'another than the cookie’s',
      (_, id) => ({ 'x-csrf-token': createCsrfToken(deps.keyring.current, id) }),
      false,
    ],
    [
      'another session’s',
      (browser) => withToken(browser, createCsrfToken(deps.keyring.current, otherSessionId)),
      false,
    ],
    ['no session’s', (browser) => withToken(browser, createCsrfToken(deps.keyring.current, null)), false],
    ['another secret’s', (browser, id) => withToken(browser, tokenOf('x'.repeat(32), id)), false],
    [
      'another key’s',
      (browser, id) => withToken(browser, signedWith(deps.keyring.current.refreshToken, id)),
      false,
    ],
    ['one of the attacker’s choice', (browser) => withToken(browser, 'attacker'), false],
    ['a cut one', (browser) => withToken(browser, browser.cookie('lk_csrf').slice(0, -1)), false],
    ['a longer one', (browser) => withToken(browser, `${browser.cookie('lk_csrf')}A`), false],
    [
      'an empty one',
      (browser) => ({ cookie: `${without(browser, 'lk_csrf')}; lk_csrf=`, 'x-csrf-token': '' }),
      false,
    ],
    [
      'two cookies',
      (browser) => ({ cookie: `${browser.cookieHeader()}; lk_csrf=${browser.cookie('lk_csrf')}` }),
      false,
    ],
    [
      'two headers',
      (browser) => ({ 'x-csrf-token': `${browser.cookie('lk_csrf')}, ${browser.cookie('lk_csrf')}` }),
      false,
    ],
  ]

const tokenOf = (secret: string, sessionId: string) =>
  createCsrfToken(createKeyring(secret, null).current, sessionId)

function signedWith(key: Buffer, sessionId: string): string {
  const nonce = randomBytes(18).toString('base64url')
  return `${nonce}.${createHmac('sha256', key).update(sessionId).update(nonce).digest('base64url')}`
}

t.test('a change by cookie: every origin with every token', async (t) => {
  for (const [from, origin, isOurs] of origins) {
    for (const [what, tokenHeaders, isRight] of tokens) {
      const headers = { ...origin, ...tokenHeaders(resident, residentId) }
      const answer = await resident.call('PATCH', '/me', { body: { name: from }, headers })
      t.equal(outcomeOf(answer), isOurs && isRight ? 'done' : 'csrf_invalid', `${from}, ${what}`)
      if (answer.status === 403) t.match(answer.headers['content-type'], 'application/problem+json')
    }
  }
  const [row] = await db<{ name: string }[]>`SELECT name FROM users WHERE id = ${user.id}`
  t.ok(origins.some(([from, , isOurs]) => isOurs && from === row?.name))
})

t.test('every route that changes something with cookies has the guard', async (t) => {
  const routes = app.routeInventory.filter(
    ({ method, auth }) => auth !== 'none' && method !== 'GET' && method !== 'HEAD',
  )
  t.ok(routes.length >= 10)
  for (const { method, url } of routes) {
    const path = url.replace(':id', residentId)
    for (const headers of [{ 'x-csrf-token': '' }, { origin: 'https://evil.example' }]) {
      const answer = await resident.call(method, path, { headers })
      t.equal(outcomeOf(answer), 'csrf_invalid', `${method} ${path}`)
      t.same(setCookiesOf(answer), [])
    }
  }
  t.equal((await storedSession(db, residentId)).revokedAt, null)
})

t.test('a read by cookie needs no token, and no page of another origin may ask', async (t) => {
  for (const method of ['GET', 'HEAD'] as const) {
    for (const [from, origin, isOurs] of origins) {
      for (const path of ['/me', '/sessions']) {
        const answer = await resident.call(method, path, { headers: { ...origin, 'x-csrf-token': '' } })
        t.equal(answer.status, isOurs ? 200 : 403, `${method} ${path} ${from}`)
      }
    }
  }
})

t.test('a refresh and a sign-out by cookie: each origin, each token', async (t) => {
  const cases = [
    ...origins.map(([name, headers, isFine]) => ({ name, headersOf: () => headers, isFine })),
    ...tokens.map(([name, headersOf, isFine]) => ({ name, headersOf, isFine })),
  ]
  for (const path of ['/refresh', '/logout', '/logout-all']) {
    for (const { name, headersOf, isFine } of cases) {
      const browser = new Browser(api)
      const { sessionId: id } = await browser.register()
      const headers = headersOf(browser, id)
      const answer = await browser.call('POST', path, { headers })
      t.equal(outcomeOf(answer), isFine ? 'done' : 'csrf_invalid', `${path} ${name}`)
      const { generation, revokedAt } = await storedSession(db, id)
      const isMoved = path === '/refresh' ? generation === 2n : revokedAt !== null
      t.equal(isMoved, isFine, `${path} ${name}: the row`)
      if (!isFine) t.same(setCookiesOf(answer), [])
    }
  }
})

t.test(
  'when the access cookie has gone, the refresh cookie’s session needs its token all the same',
  async (t) => {
    const browser = new Browser(api)
    const { sessionId: id } = await browser.register()
    const csrf = browser.cookie('lk_csrf')
    browser.cookies.delete('lk_at')
    for (const path of ['/logout', '/refresh']) {
      t.equal(
        outcomeOf(await browser.call('POST', path, { headers: { 'x-csrf-token': '' } })),
        'csrf_invalid',
      )
      const planted = { cookie: `lk_rt=${other.refreshToken}; lk_csrf=${csrf}` }
      t.equal(
        outcomeOf(await browser.call('POST', path, { headers: planted })),
        'csrf_invalid',
        'a planted session',
      )
    }
    t.equal((await storedSession(db, id)).revokedAt, null)
    t.equal((await storedSession(db, otherSessionId)).revokedAt, null)
  },
)

t.test('a bearer is asked for nothing, wherever it comes from', async (t) => {
  for (const [from, origin] of origins) {
    const headers = Object.fromEntries(Object.entries(origin).filter(([, value]) => value !== ''))
    const answer = await api('PATCH', '/me', { body: { name: 'Ada' }, token: other.accessToken, headers })
    t.equal(answer.status, 200, from)
  }
})
