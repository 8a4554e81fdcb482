// Attack: a token of the attacker's own in the victim's browser; a sign-in that nobody asked for; a flood of refusals that drowns the log.
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import { createCsrfToken } from '@latchkey/auth-api/plugins/csrf-token'
import { countRows, eventsOf } from './support/accounts.js'
import { Browser, pageOrigin, setCookiesOf } from './support/browser.js'
import { origins, outcomeOf, ownPages, withToken, type Headers } from './support/forged-requests.js'
import { newEmail, password, register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const shared = await createTestApp(t, { useCookieSessions: true, ...ownPages })
const { api, app, deps, database } = shared

const { sessionId: otherSessionId } = await register(app)
const resident = new Browser(api)
await resident.register()

t.test(
  'a sign-in that asks for cookies needs no token, a stale one does no harm, and it comes from a page of ours',
  async (t) => {
    const email = newEmail()
    await new Browser(api).register(email)
    const before = await countRows(shared)
    const refused = origins.filter(([, , isOurs]) => !isOurs)
    for (const [from, origin] of refused) {
      for (const path of ['/login', '/register', '/signup']) {
        const body = { email: path === '/login' ? email : newEmail(), password }
        const headers = { 'x-session-mode': 'cookie', ...origin }
        const answer = await new Browser(api).call('POST', path, { body, headers })
        t.equal(outcomeOf(answer), 'csrf_invalid', `${path} ${from}`)
        t.same(setCookiesOf(answer), [])
      }
    }
    t.same(await countRows(shared), before)
    for (const [from, origin] of origins.filter(([, , isOurs]) => isOurs)) {
      for (const csrf of ['', 'stale', createCsrfToken(deps.keyring.current, otherSessionId)]) {
        const browser = new Browser(api)
        if (csrf !== '') browser.cookies.set('lk_csrf', csrf)
        const headers = { 'x-session-mode': 'cookie', ...origin }
        t.equal(
          (await browser.call('POST', '/login', { body: { email, password }, headers })).status,
          200,
          from,
        )
        t.not(browser.cookie('lk_csrf'), csrf)
      }
    }
    const plain = await api('POST', '/login', {
      body: { email, password },
      headers: { origin: 'https://evil.example' },
    })
    t.equal(plain.status, 200, 'a bearer’s sign-in leaves nothing in a browser')
  },
)

t.test('the token of a session', async (t) => {
  const paths = ['/api/v1/auth/csrf-token', '/api/auth/csrf-token', '/api/v1/csrf-token', '/api/csrf-token']

  await t.test('is given at four addresses, and stays the same while the session does', async (t) => {
    const browser = new Browser(api)
    await browser.register()
    const first = browser.cookie('lk_csrf')
    for (const path of paths) {
      const answer = await browser.call('GET', path)
      t.match(answer, { status: 200, body: { csrfToken: first }, headers: { 'cache-control': 'no-store' } })
      t.same(Object.keys(answer.body), ['csrfToken'])
      t.match(setCookiesOf(answer), [{ name: 'lk_csrf', value: first }])
    }
    browser.cookies.delete('lk_at')
    t.match((await browser.call('GET', '/csrf-token')).body, { csrfToken: first }, 'by the refresh cookie')
    const email = newEmail()
    await browser.register(email)
    t.not(browser.cookie('lk_csrf'), first, 'a sign-in changes it')
  })

  await t.test('that was lost or is another’s is replaced by one that works', async (t) => {
    const browser = new Browser(api)
    await browser.register()
    for (const lost of [null, 'planted', createCsrfToken(deps.keyring.current, otherSessionId)]) {
      for (const hasAccess of [true, false]) {
        const jar = new Browser(api)
        for (const [name, value] of browser.cookies) jar.cookies.set(name, value)
        jar.cookies.delete('lk_csrf')
        if (lost !== null) jar.cookies.set('lk_csrf', lost)
        if (!hasAccess) jar.cookies.delete('lk_at')
        const { csrfToken } = (await jar.call('GET', '/csrf-token')).body
        t.equal(jar.cookie('lk_csrf'), csrfToken)
        t.equal((await jar.call('POST', '/refresh')).status, 200)
        for (const [name, value] of jar.cookies) browser.cookies.set(name, value)
      }
    }
  })

  await t.test('of nobody is good for nobody else', async (t) => {
    const visitor = new Browser(api)
    const { csrfToken } = (await visitor.call('GET', '/csrf-token')).body
    t.equal(visitor.cookie('lk_csrf'), csrfToken)
    const headers = withToken(resident, String(csrfToken))
    t.equal(outcomeOf(await resident.call('PATCH', '/me', { body: { name: 'x' }, headers })), 'csrf_invalid')
    for (const cookie of ['lk_at=forged', 'lk_rt=lk1.forged', `lk_at=${resident.cookie('lk_at')}x`]) {
      const given = (await api('GET', '/csrf-token', { headers: { cookie } })).body['csrfToken']
      const forged = withToken(resident, String(given))
      t.equal(
        outcomeOf(await resident.call('PATCH', '/me', { body: { name: 'x' }, headers: forged })),
        'csrf_invalid',
        'a cookie that only names a session gets no token for it',
      )
    }
  })

  await t.test('of a session that has ended opens nothing', async (t) => {
    const email = newEmail()
    const browser = new Browser(api)
    await browser.register(email)
    const ended = new Map(browser.cookies)
    await browser.call('POST', '/logout')
    await browser.signIn(email)
    const headers = withToken(browser, ended.get('lk_csrf') ?? '')
    t.equal(outcomeOf(await browser.call('POST', '/refresh', { headers })), 'csrf_invalid')
    for (const [name, value] of ended) browser.cookies.set(name, value)
    t.equal(outcomeOf(await browser.call('PATCH', '/me', { body: { name: 'x' } })), 'session_revoked')
  })

  await t.test('is not changed by a page of another origin', async (t) => {
    for (const [from, origin, isOurs] of origins) {
      for (const path of paths) {
        const answer = await resident.call('GET', path, { headers: { ...origin, cookie: '' } })
        t.equal(outcomeOf(answer), isOurs ? 'done' : 'csrf_invalid', `${path} ${from}`)
        if (!isOurs) t.same(setCookiesOf(answer), [])
      }
    }
    const { csrfToken } = (await api('GET', '/csrf-token', { headers: { cookie: resident.cookieHeader() } }))
      .body
    resident.cookies.set('lk_csrf', String(csrfToken))
  })
})

t.test('switched off, /csrf-token answers all the same and sets nothing', async (t) => {
  const off = await createTestApp(t, {}, { database })
  const answer = await off.api('GET', '/api/csrf-token', { headers: { cookie: resident.cookieHeader() } })
  t.match(answer, { status: 200, body: { csrfToken: /^[\w-]{24}\.[\w-]{43}$/ } })
  t.same(setCookiesOf(answer), [])
})

t.test(
  'a rejected request is told of once a minute, by address and session, without any token',
  async (t) => {
    const told = await createTestApp(
      t,
      { useCookieSessions: true, allowedOrigins: [pageOrigin] },
      { database },
    )
    const browser = new Browser(told.api)
    const { sessionId: id, user: owner } = await browser.register()
    const attack = (ip: string, headers: Headers) =>
      browser.call('POST', '/logout-all', { ip, headers: { 'user-agent': 'a browser', ...headers } })
    for (let n = 0; n < 30; n += 1) {
      await attack('192.0.2.7', { origin: 'https://evil.example' })
      await attack('192.0.2.7', { 'x-csrf-token': 'guess' })
      await attack('2001:db8::1', { origin: 'null' })
      await attack('2001:db8::2', { origin: 'null' })
      await told.api('POST', '/login', {
        body: { email: newEmail(), password },
        headers: { 'x-session-mode': 'cookie', origin: `https://${'x'.repeat(3000)}.example` },
        ip: '192.0.2.8',
      })
    }
    const rejected = async () => (await eventsOf(told)).filter(({ type }) => type === 'csrf.rejected')
    await waitFor(async () => (await rejected()).length >= 4, { what: 'the events' })
    const known = { severity: 'warning', userId: owner.id, sessionId: id }
    const route = { method: 'POST', route: '/api/v1/auth/logout-all' }
    t.match(await rejected(), [
      {
        ...known,
        ip: '192.0.2.7',
        data: { ...route, reason: 'foreign_origin', origin: 'https://evil.example' },
      },
      { ...known, ip: '192.0.2.7', data: { ...route, reason: 'csrf_token', origin: pageOrigin } },
      { ...known, ip: '2001:db8::1', data: { ...route, reason: 'foreign_origin', origin: 'null' } },
      {
        userId: null,
        sessionId: null,
        ip: '192.0.2.8',
        data: { reason: 'foreign_origin', route: '/api/v1/auth/login' },
      },
    ])
    t.equal((await rejected()).length, 4)
    const text = JSON.stringify(await eventsOf(told))
    for (const secret of [...browser.cookies.values(), 'guess']) t.notMatch(text, secret)
    t.notMatch(text, 'x'.repeat(300), 'what a stranger sends is cut')
  },
)

t.test('an event that cannot be kept changes no answer', async (t) => {
  const failing = await createTestApp(t, { useCookieSessions: true, redisUrl: null })
  const lines: unknown[] = []
  const { log } = failing.deps
  const warn = log.warn.bind(log)
  log.warn = (...given: unknown[]) => void lines.push(given.at(-1))
  t.teardown(() => void (log.warn = warn))
  await failing.db`ALTER TABLE outbox RENAME TO outbox_gone`
  const headers = { 'x-session-mode': 'cookie', origin: 'https://evil.example' }
  const answer = await failing.api('POST', '/login', { body: { email: newEmail(), password }, headers })
  t.equal(outcomeOf(answer), 'csrf_invalid')
  await waitFor(() => lines.includes('a rejected request could not be reported'), { what: 'the log line' })
})
