// Attack: a script that was smuggled into a page takes the session with it, or a bad bearer is let in by the cookies beside it.
import { ChallengeAnswer, EnrolledSession, Session, SignInAnswer } from '@latchkey/contracts/http/answers'
import t from 'tap'
import { countRows } from './support/accounts.js'
import { Browser, pageOrigin, setCookiesOf } from './support/browser.js'
import {
  logIn,
  newEmail,
  password,
  refresh,
  register,
  storedSession,
  useAccessToken,
} from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const shared = await createTestApp(t, { useCookieSessions: true, allowedOrigins: [pageOrigin] })
const { app, api, db, database } = shared

const cookieMode = { 'x-session-mode': 'cookie' }
const day = 86_400
/** Of the session: the pass of the device is another matter. */
const namesOf = (answer: ApiAnswer): string[] =>
  setCookiesOf(answer).flatMap(({ name }) => (name === 'lk_dev' ? [] : [name]))
const expiredNamesOf = (answer: ApiAnswer): string[] =>
  setCookiesOf(answer)
    .filter(({ value, attributes }) => value === '' && attributes['max-age'] === '0')
    .map(({ name }) => name)
const all = ['lk_at', 'lk_rt', 'lk_csrf']

t.test(
  'a sign-in that asks for cookies answers no token and sets three, beside the pass of the device',
  async (t) => {
    const email = newEmail()
    for (const [path, body] of [
      ['/register', { email, password }],
      ['/signup', { email: newEmail(), password }],
      ['/login', { email, password }],
    ] as const) {
      const answer = await api('POST', path, { body, headers: cookieMode })
      t.equal(answer.status, path === '/login' ? 200 : 201, path)
      t.match(answer.headers['cache-control'], 'no-store')
      t.same(Object.keys(answer.body).toSorted(), ['expiresIn', 'refreshExpiresIn', 'sessionId', 'user'])
      t.match(answer.body['user'], { email: /@/, roles: ['user'] })
      t.notMatch(JSON.stringify(answer.body), /eyJ|lk1\./, 'no token, under no name')

      const [pass, access, refreshed, csrf, ...others] = setCookiesOf(answer)
      t.same(others, [])
      t.match(pass, { name: 'lk_dev' })
      t.match(access, { name: 'lk_at', value: /^eyJ/ })
      t.same(access!.attributes, { 'max-age': '900', path: '/', httponly: true, samesite: 'Strict' })
      t.match(refreshed, { name: 'lk_rt', value: /^lk1\./ })
      t.same(refreshed!.attributes, {
        'max-age': String(answer.body['refreshExpiresIn']),
        path: '/api',
        httponly: true,
        samesite: 'Strict',
      })
      t.match(csrf, { name: 'lk_csrf', value: /^[\w-]{24}\.[\w-]{43}$/ })
      t.same(csrf!.attributes, { 'max-age': String(7 * day), path: '/', samesite: 'Strict' })
    }
  },
)

/** They need one that is had in two steps: the tests of second factors, passkeys, providers and magic links have browsers too. */
const testedWithTheirToken = new Set(
  [
    '/2fa/challenge',
    '/2fa/enrolment/verify',
    '/magic-link/verify',
    '/passkeys/login/verify',
    '/passkeys/enrolment/verify',
    '/oauth/exchange',
    '/oauth/step-up',
    '/google',
  ].map((path) => `/api/v1/auth${path}`),
)
const answersWithTokens: ReadonlySet<unknown> = new Set([
  Session,
  SignInAnswer,
  ChallengeAnswer,
  EnrolledSession,
])

t.test('no route answers a token to a browser that keeps its session in cookies', async (t) => {
  const answering = app.routeInventory.filter(({ url, schema }) => {
    const responses: unknown[] = Object.values(schema?.response ?? {})
    const isAnswering = responses.some((response) => answersWithTokens.has(response))
    return url.startsWith('/api/v1/') && isAnswering && !testedWithTheirToken.has(url)
  })
  const browser = new Browser(api)
  const { email } = (await browser.register()).user
  for (const { method, url } of answering) {
    const path = url.replace('/api/v1/auth', '')
    const body = { '/login': { email, password }, '/refresh': {}, '/step-up': { password } }[path] ?? {
      email: newEmail(),
      password,
    }
    const answer = await browser.call(method, path, { body, headers: cookieMode })
    t.ok(answer.status === 200 || answer.status === 201, `${method} ${path} ${answer.status}`)
    t.notMatch(JSON.stringify(answer.body), /eyJ|lk1\./, url)
    t.same(namesOf(answer), all, url)
  }
  t.ok(answering.length >= 4)
})

t.test('the session lives in the browser: reads, changes, refreshes and signs out', async (t) => {
  const browser = new Browser(api)
  const { sessionId, user } = await browser.register()
  t.match(await browser.call('GET', '/me'), { status: 200, body: { id: user.id } })
  t.equal((await browser.call('PATCH', '/me', { body: { name: 'Grace' } })).status, 200)
  t.match(await browser.call('GET', '/sessions'), {
    body: { sessions: [{ id: sessionId, isCurrent: true }] },
  })

  const before = new Map(browser.cookies)
  const refreshed = await browser.call('POST', '/refresh')
  t.equal(refreshed.status, 200)
  t.same(Object.keys(refreshed.body).toSorted(), ['expiresIn', 'refreshExpiresIn', 'sessionId', 'user'])
  t.same(namesOf(refreshed), all)
  t.not(browser.cookie('lk_at'), before.get('lk_at'))
  t.not(browser.cookie('lk_rt'), before.get('lk_rt'))
  t.equal(browser.cookie('lk_csrf'), before.get('lk_csrf'), 'other tabs have the same session still')
  t.equal((await storedSession(db, sessionId)).generation, 2n)
  t.equal((await browser.call('POST', '/refresh', { body: {} })).status, 200, 'an empty body is none')

  const out = await browser.call('POST', '/logout')
  t.match(out, { status: 204, headers: { 'clear-site-data': '"cache", "storage"' } })
  t.same(expiredNamesOf(out), all)
  t.equal((await storedSession(db, sessionId)).revokeReason, 'logout')
})

t.test('signing out everywhere takes the cookies back too', async (t) => {
  const email = newEmail()
  const other = await register(app, email)
  const browser = new Browser(api)
  await browser.signIn(email)
  const out = await browser.call('POST', '/logout-all')
  t.match(out, { status: 200, body: { revoked: 2 }, headers: { 'clear-site-data': '"cache", "storage"' } })
  t.same(expiredNamesOf(out), all)
  t.equal((await useAccessToken(app, other.accessToken)).status, 401)
})

t.test('a bearer neither gets cookies nor loses any', async (t) => {
  const email = newEmail()
  const opened = await register(app, email)
  const again = await logIn(app, email)
  const next = await refresh(app, opened.refreshToken)
  for (const { headers, body } of [again, next]) {
    t.notMatch(headers['set-cookie'], /lk_(at|rt|csrf)/)
    t.same(Object.keys(body), [
      'token',
      'accessToken',
      'refreshToken',
      'tokenType',
      'expiresIn',
      'refreshExpiresIn',
      'sessionId',
      'user',
    ])
  }
  const out = await api('POST', '/logout', { token: next.body.accessToken })
  t.equal(out.headers['set-cookie'], undefined)
  t.equal(out.headers['clear-site-data'], undefined)
  const everywhere = await api('POST', '/logout-all', { token: again.body.accessToken })
  t.equal(everywhere.headers['set-cookie'], undefined)
})

t.test('an Authorization header, good or bad, is all that counts', async (t) => {
  const browser = new Browser(api)
  const { sessionId } = await browser.register()
  const bearer = await register(app)
  const bad = ['', 'Bearer', 'Bearer x', `Basic ${browser.cookie('lk_at')}`, `Bearer ${bearer.accessToken}x`]
  for (const authorization of bad) {
    for (const [method, path] of [
      ['GET', '/me'],
      ['GET', '/sessions'],
      ['POST', '/logout'],
      ['POST', '/logout-all'],
      ['DELETE', `/sessions/${sessionId}`],
    ] as const) {
      const headers = {
        cookie: browser.cookieHeader(),
        'x-csrf-token': browser.cookie('lk_csrf'),
        authorization,
      }
      const answer = await api(method, path, { headers })
      t.match(answer, { status: 401, body: { code: 'token_invalid' } }, `${method} ${path} ${authorization}`)
      t.same(namesOf(answer), [])
    }
    const headers = {
      cookie: browser.cookieHeader(),
      'x-csrf-token': browser.cookie('lk_csrf'),
      authorization,
    }
    t.match(await api('POST', '/refresh', { headers }), {
      status: 401,
      body: { code: 'refresh_token_invalid' },
    })
  }
  t.equal((await storedSession(db, sessionId)).generation, 1n)

  const headers = { cookie: browser.cookieHeader(), authorization: `Bearer ${bearer.accessToken}` }
  t.match(await api('GET', '/me', { headers }), { body: { id: bearer.user.id } })
  t.equal((await api('POST', '/logout', { headers })).status, 204, 'and needs no CSRF token')
  t.equal((await storedSession(db, bearer.sessionId)).revokeReason, 'logout')
  t.equal((await browser.call('GET', '/me')).status, 200)
})

t.test('a refresh token in the body is what counts, whatever the cookies are', async (t) => {
  const browser = new Browser(api)
  const kept = await browser.register()
  const { refreshToken, sessionId } = await register(app)
  const headers = { cookie: browser.cookieHeader() }
  const answer = await api('POST', '/refresh', { body: { refreshToken }, headers })
  t.match(answer, { status: 200, body: { sessionId, refreshToken: /^lk1/ } })
  t.same(namesOf(answer), [])
  const forged = await api('POST', '/refresh', { body: { refreshToken: 'lk1.forged' }, headers })
  t.match(forged, { status: 401, body: { code: 'refresh_token_invalid' } })
  t.same(namesOf(forged), [], 'its end is not the end of the session in the cookies')
  const out = await api('POST', '/logout', { body: { refreshToken }, headers })
  t.equal(out.status, 204)
  t.same(namesOf(out), [])
  t.equal((await storedSession(db, sessionId)).revokeReason, 'logout')
  t.equal((await storedSession(db, kept.sessionId)).revokedAt, null)
})

t.test('any other session mode is refused, and none is opened', async (t) => {
  const email = newEmail()
  await register(app, email)
  const before = await countRows(shared)
  for (const mode of ['Cookie', 'cookie ', 'bearer', 'none', 'true', 'cookie, cookie', '', ' ']) {
    for (const path of ['/login', '/register', '/signup']) {
      const body = { email: path === '/login' ? email : newEmail(), password }
      const headers = { 'x-session-mode': mode }
      t.match(
        await api('POST', path, { body, headers }),
        { status: 400, body: { code: 'validation_failed', errors: [{ path: '/x-session-mode' }] } },
        `${path} ${JSON.stringify(mode)}`,
      )
    }
  }
  t.same(await countRows(shared), before)
})

t.test('switched off there are no cookies: none given, none read', async (t) => {
  const off = await createTestApp(t, { allowedOrigins: [pageOrigin] }, { database })
  const email = newEmail()
  const session = await register(off.app, email)
  const before = await countRows(off)
  for (const path of ['/login', '/register', '/signup']) {
    const answer = await off.api('POST', path, { body: { email, password }, headers: cookieMode })
    t.match(answer, {
      status: 400,
      body: {
        code: 'validation_failed',
        detail: /USE_COOKIE_SESSIONS/,
        errors: [{ path: '/x-session-mode' }],
      },
    })
    t.same(namesOf(answer), [])
  }
  t.same(await countRows(off), before, 'never silently a session of the other kind')

  const csrf = (await off.api('GET', '/csrf-token')).body['csrfToken']
  const headers = {
    cookie: `lk_at=${session.accessToken}; lk_rt=${session.refreshToken}; lk_csrf=${String(csrf)}`,
    'x-csrf-token': String(csrf),
  }
  t.match(await off.api('GET', '/me', { headers }), { status: 401, body: { code: 'token_missing' } })
  t.match(await off.api('POST', '/logout', { headers }), { status: 401, body: { code: 'token_missing' } })
  for (const body of [undefined, {}]) {
    t.match(await off.api('POST', '/refresh', { headers, ...(body && { body }) }), {
      status: 400,
      body: { code: 'validation_failed', errors: [{ path: '/refreshToken', message: 'is required' }] },
    })
  }
})
