// Accident: a browser loses a session that lives, or keeps the cookies of one that has ended.
import { randomBytes } from 'node:crypto'
import { AppError } from '@latchkey/contracts/errors'
import t from 'tap'
import { buildApp } from '@latchkey/auth-api/app'
import { Browser, pageOrigin, setCookiesOf } from './support/browser.js'
import {
  letTimePass,
  newEmail,
  outboxTypes,
  password,
  register,
  storedSession,
} from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const settings = { useCookieSessions: true, allowedOrigins: [pageOrigin] }
const { app, api, db, database, deps } = await createTestApp(t, settings)

const namesOf = (answer: ApiAnswer): string[] => setCookiesOf(answer).map(({ name }) => name)
const expiredNamesOf = (answer: ApiAnswer): string[] =>
  setCookiesOf(answer)
    .filter(({ value, attributes }) => value === '' && attributes['max-age'] === '0')
    .map(({ name }) => name)
const all = ['lk_at', 'lk_rt', 'lk_csrf']

t.test('a lost answer is given again, by the same key', async (t) => {
  const browser = new Browser(api)
  const { sessionId } = await browser.register()
  const lost = new Map(browser.cookies)
  const key = { 'idempotency-key': 'k1' }
  await browser.call('POST', '/refresh', { headers: key })
  const successor = browser.cookie('lk_rt')
  await letTimePass(db, sessionId, 3600)
  for (const [name, value] of lost) browser.cookies.set(name, value)
  t.equal((await browser.call('POST', '/refresh', { headers: key })).status, 200)
  t.equal(browser.cookie('lk_rt'), successor)
})

t.test('tabs that refresh at once all go on', async (t) => {
  const browser = new Browser(api)
  const { sessionId } = await browser.register()
  const answers = await Promise.all(Array.from({ length: 20 }, () => browser.call('POST', '/refresh')))
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.equal((await storedSession(db, sessionId)).generation, 2n)
  t.equal((await browser.call('GET', '/me')).status, 200)
})

t.test('a session that has ended takes its cookies along; a failure of ours does not', async (t) => {
  const ended = new Browser(api)
  const { sessionId } = await ended.register()
  await db`UPDATE sessions SET revoked_at = now(), revoke_reason = 'test' WHERE id = ${sessionId}`
  const dead = await ended.call('POST', '/refresh')
  t.match(dead, { status: 401, body: { code: 'refresh_token_invalid' } })
  t.same(expiredNamesOf(dead), all)

  const copied = new Browser(api)
  const { sessionId: stolenId } = await copied.register()
  const old = new Map(copied.cookies)
  await copied.call('POST', '/refresh')
  await copied.call('POST', '/refresh')
  await letTimePass(db, stolenId, 60)
  for (const [name, value] of old) copied.cookies.set(name, value)
  const reused = await copied.call('POST', '/refresh')
  t.match(reused, { status: 401, body: { code: 'refresh_token_reused' } })
  t.same(expiredNamesOf(reused), all)
  t.ok((await outboxTypes(db, stolenId)).includes('session.reuse_detected'))

  const slow = new Browser(api)
  const { sessionId: slowId } = await slow.register()
  const early = new Map(slow.cookies)
  await slow.call('POST', '/refresh', { headers: { 'idempotency-key': 'k1' } })
  await slow.call('GET', '/me')
  await letTimePass(db, slowId, 3600)
  for (const [name, value] of early) slow.cookies.set(name, value)
  const superseded = await slow.call('POST', '/refresh', { headers: { 'idempotency-key': 'k1' } })
  t.match(superseded, { status: 409, body: { code: 'refresh_superseded' } })
  t.same(namesOf(superseded), [], 'the newer ones may be there already')

  const failing = await createTestApp(t, settings)
  const lucky = new Browser(failing.api)
  await lucky.register()
  await failing.database.drop()
  const away = await lucky.call('POST', '/refresh')
  t.equal(away.status, 503)
  t.same(namesOf(away), [])
})

t.test(
  'without the refresh cookie there is nothing to refresh, and the page learns that it is signed out',
  async (t) => {
    const browser = new Browser(api)
    await browser.register()
    const rt = browser.cookie('lk_rt')
    browser.cookies.delete('lk_rt')
    const missing = await browser.call('POST', '/refresh')
    t.match(missing, { status: 401, body: { code: 'refresh_token_invalid' } })
    t.same(namesOf(missing), [])
    const twice = `${browser.cookieHeader()}; lk_rt=${rt}; lk_rt=${rt}`
    t.match(await browser.call('POST', '/refresh', { headers: { cookie: twice } }), { status: 401 })
    t.equal((await browser.call('POST', '/refresh', { body: { other: 1 } })).status, 400)
  },
)

t.test('when the access cookie has gone, the refresh cookie still signs out', async (t) => {
  const { email } = (await register(app)).user
  const browser = new Browser(api)
  const forms = {
    dropped: () => browser.cookies.delete('lk_at'),
    'not ours': () => browser.cookies.set('lk_at', 'eyJ.x.y'),
    'sent twice': () => browser.cookies.set('lk_at', `x; lk_at=${browser.cookie('lk_at')}`),
    'ended already': () => undefined,
  }
  for (const [form, change] of Object.entries(forms)) {
    const { sessionId } = await browser.signIn(email)
    change()
    if (form === 'ended already')
      await db`UPDATE sessions SET revoked_at = now(), revoke_reason = 'logout' WHERE id = ${sessionId}`
    const out = await browser.call('POST', '/logout')
    t.equal(out.status, 204, form)
    t.same(expiredNamesOf(out), all, form)
    t.equal((await storedSession(db, sessionId)).revokeReason, 'logout', form)
    browser.cookies.clear()
  }
  t.match(await browser.call('POST', '/logout'), { status: 401, body: { code: 'token_missing' } })
  browser.cookies.set('lk_rt', 'lk1.forged')
  t.match(await browser.call('POST', '/logout'), { status: 401, body: { code: 'token_missing' } })
})

t.test('a failing key store is no end of a session', async (t) => {
  const browser = new Browser(api)
  await browser.register()
  const headers = { cookie: browser.cookieHeader(), 'x-csrf-token': browser.cookie('lk_csrf') }
  const failing = await buildApp({
    ...deps,
    signingKeys: {
      ...deps.signingKeys,
      findVerificationKey: () => Promise.reject(new AppError('unavailable')),
      verificationKey: () => null,
    },
  })
  t.teardown(() => failing.close())
  const out = await failing.inject({ method: 'POST', url: '/api/v1/auth/logout', headers })
  t.equal(out.statusCode, 503)
  t.equal(out.headers['set-cookie'], undefined)
})

t.test('a sign-in replaces the session of this browser, and ends it', async (t) => {
  const browser = new Browser(api)
  const email = newEmail()
  const first = await browser.register(email)
  const csrf = browser.cookie('lk_csrf')
  browser.cookies.set('lk_csrf', 'stale')
  const second = await browser.signIn(email)
  t.equal((await storedSession(db, first.sessionId)).revokeReason, 'logout')
  t.not(browser.cookie('lk_csrf'), csrf)
  t.equal(
    (await browser.call('PATCH', '/me', { body: { name: 'Ada' } })).status,
    200,
    'with its new CSRF token',
  )

  const third = await browser.register()
  t.equal((await storedSession(db, second.sessionId)).revokeReason, 'logout', 'whoever signs in')
  t.equal((await storedSession(db, third.sessionId)).revokedAt, null)

  const planted = await register(app)
  browser.cookies.set('lk_rt', `${planted.refreshToken}; lk_rt=${browser.cookie('lk_rt')}`)
  browser.cookies.delete('lk_at')
  await browser.signIn(email)
  for (const { sessionId } of [planted, third])
    t.equal((await storedSession(db, sessionId)).revokedAt, null, 'a cookie sent twice is nobody’s')

  const bearer = await api('POST', '/login', {
    body: { email, password },
    headers: { cookie: browser.cookieHeader() },
  })
  t.equal(bearer.status, 200)
  t.equal((await browser.call('GET', '/me')).status, 200, 'a sign-in without cookies leaves them alone')
})

t.test('cookies outlive a change of AUTH_SECRET', async (t) => {
  const [previous, next] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]
  const before = await createTestApp(t, { ...settings, authSecret: previous }, { database })
  const opened = new Browser(before.api)
  await opened.register()
  const during = await createTestApp(
    t,
    { ...settings, authSecret: next, authSecretPrevious: previous },
    { database },
  )
  const browser = new Browser(during.api)
  for (const [name, value] of opened.cookies) browser.cookies.set(name, value)
  t.equal((await browser.call('PATCH', '/me', { body: { name: 'Grace' } })).status, 200)
  t.equal((await browser.call('POST', '/refresh')).status, 200)
  t.not(
    browser.cookie('lk_csrf'),
    opened.cookie('lk_csrf'),
    'a refresh brings everything under the new secret',
  )

  const after = await createTestApp(t, { ...settings, authSecret: next }, { database })
  const later = new Browser(after.api)
  for (const [name, value] of browser.cookies) later.cookies.set(name, value)
  t.equal((await later.call('POST', '/refresh')).status, 200)
  for (const [name, value] of opened.cookies) later.cookies.set(name, value)
  t.match(await later.call('POST', '/refresh'), { status: 403, body: { code: 'csrf_invalid' } })
  later.cookies.delete('lk_at')
  await later.call('GET', '/csrf-token')
  const dead = await later.call('POST', '/refresh')
  t.match(
    dead,
    { status: 401, body: { code: 'refresh_token_invalid' } },
    'which is how a page learns of its end',
  )
  t.same(expiredNamesOf(dead), all)
})

t.test('an access cookie is checked as a bearer is', async (t) => {
  const browser = new Browser(api)
  const { sessionId } = await browser.register()
  const { accessToken, refreshToken } = await register(app)
  const codeOf = async (cookie: string): Promise<unknown> =>
    (await api('GET', '/me', { headers: { cookie } })).body['code']
  t.equal(await codeOf(''), 'token_missing')
  t.equal(await codeOf('lk_at'), 'token_missing')
  t.equal(await codeOf('lk_at='), 'token_invalid')
  t.equal(await codeOf('=lk_at'), 'token_missing')
  t.equal(await codeOf(`other=1; lk_at=${accessToken}; more=2`), undefined)
  t.equal(await codeOf(`lk_at = ${accessToken}\t`), undefined, 'spaces and tabs are no part of a cookie')
  for (const value of [refreshToken, `${accessToken}x`, `"${accessToken}"`, 'a b', '%00', 'x'.repeat(8000)])
    t.equal(await codeOf(`lk_at=${value}`), 'token_invalid', value.slice(0, 20))
  t.equal(await codeOf(`lk_at=${accessToken}; lk_at=${accessToken}`), 'token_invalid', 'sent twice')
  t.equal(await codeOf(`lk_at=${accessToken}; lk_at=`), 'token_invalid')
  t.equal(
    await codeOf(`lk_at=${accessToken}; LK_AT=x; lk_at2=y; xlk_at=z`),
    undefined,
    'other names are others',
  )
  await browser.call('DELETE', `/sessions/${sessionId}`)
  t.match(await browser.call('GET', '/me'), { status: 401, body: { code: 'session_revoked' } })
})

t.test('no other token passes for the one in the refresh cookie', async (t) => {
  const browser = new Browser(api)
  await browser.register()
  const { accessToken, refreshToken } = await register(app)
  const visitor = new Browser(api)
  await visitor.call('GET', '/csrf-token')
  const csrf = visitor.cookie('lk_csrf')
  for (const value of [
    accessToken,
    csrf,
    `${refreshToken}A`,
    `"${refreshToken}"`,
    refreshToken.slice(4),
    '',
  ]) {
    browser.cookies.set('lk_rt', value)
    browser.cookies.delete('lk_at')
    const answer = await browser.call('POST', '/refresh')
    t.match(answer, { status: 403, body: { code: 'csrf_invalid' } }, value.slice(0, 8))
    browser.cookies.set('lk_csrf', csrf)
    const refused = await browser.call('POST', '/refresh')
    t.match(refused, { status: 401, body: { code: 'refresh_token_invalid' } }, value.slice(0, 8))
    t.same(expiredNamesOf(refused), all)
    browser.cookies.set('lk_csrf', 'stale')
  }
})
