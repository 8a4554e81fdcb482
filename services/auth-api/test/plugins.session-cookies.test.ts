// Attack: a cookie of ours that another host has planted, by a name that looks like ours.
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { createSessionCookies } from '@latchkey/auth-api/plugins/session-cookies'
import { setCookiesOf } from './support/browser.js'
import { talk } from './support/raw-http.js'
import { newEmail, password, register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const production = await createTestApp(t, { useCookieSessions: true, nodeEnv: 'production' })
const day = 86_400

t.test('in production the browser itself guards the cookies, by their names', async (t) => {
  const body = { email: newEmail(), password }
  const answer = await production.api('POST', '/register', { body, headers: { 'x-session-mode': 'cookie' } })
  const host = { path: '/', secure: true, samesite: 'Strict' }
  t.same(
    setCookiesOf(answer).map(({ name, attributes }) => ({ name, attributes })),
    [
      { name: '__Host-lk_dev', attributes: { ...host, httponly: true, 'max-age': `${180 * day}` } },
      { name: '__Host-lk_at', attributes: { ...host, httponly: true, 'max-age': '900' } },
      {
        name: '__Secure-lk_rt',
        attributes: { ...host, path: '/api', httponly: true, 'max-age': `${7 * day}` },
      },
      { name: '__Host-lk_csrf', attributes: { ...host, 'max-age': `${7 * day}` } },
    ],
  )
  const [, access, , csrf] = setCookiesOf(answer)
  const me = (cookie: string) => production.api('GET', '/me', { headers: { cookie } })
  t.equal((await me(`__Host-lk_at=${access!.value}`)).status, 200)
  for (const name of [
    'lk_at',
    '__host-lk_at',
    '__Secure-lk_at',
    '\u00a0__Host-lk_at',
    '\u2000__Host-lk_at',
  ]) {
    const cookie = Buffer.from(`${name}=${access!.value}`).toString('latin1') // as it stands on the wire
    t.match(await me(cookie), { status: 401, body: { code: 'token_missing' } }, JSON.stringify(name))
  }
  const cookie = `__Host-lk_at=${access!.value}; __Host-lk_csrf=${csrf!.value}`
  const out = await production.api('POST', '/logout', { headers: { cookie, 'x-csrf-token': csrf!.value } })
  t.equal(out.status, 204)
  t.same(
    setCookiesOf(out).map(({ name, value, attributes }) => ({ name, value, attributes })),
    [
      { name: '__Host-lk_at', value: '', attributes: { ...host, httponly: true, 'max-age': '0' } },
      {
        name: '__Secure-lk_rt',
        value: '',
        attributes: { ...host, path: '/api', httponly: true, 'max-age': '0' },
      },
      { name: '__Host-lk_csrf', value: '', attributes: { ...host, 'max-age': '0' } },
    ],
    'with the flags that the prefixes demand, or browsers would keep them',
  )
})

t.test(
  'a token that no browser would keep is a fault of ours, never a sign-in that does not last',
  async (t) => {
    const { write } = createSessionCookies(true)
    const longest = 'x'.repeat(4096 - '__Host-lk_at'.length)
    t.match(write('accessToken', longest, 1), longest)
    t.throws(() => write('accessToken', `${longest}x`, 1), /__Host-lk_at is too long/)
  },
)

t.test('on the wire: two headers are one list, and no list takes long to read', async (t) => {
  const { app } = production
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const { accessToken } = await register(app)
  const codeOf = async (...cookies: string[]): Promise<unknown> => {
    const lines = cookies.map((cookie) => `Cookie: ${cookie}\r\n`).join('')
    const [answer] = await talk(
      address,
      `GET /api/v1/auth/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}\r\n`,
    )
    return answer?.status === 200 ? 'accepted' : (JSON.parse(answer?.body ?? '{}') as { code?: string }).code
  }
  const cookie = `__Host-lk_at=${accessToken}`
  t.equal(await codeOf(cookie), 'accepted')
  t.equal(await codeOf('other=1', cookie), 'accepted')
  t.equal(await codeOf(cookie, cookie), 'token_invalid')
  t.equal(await codeOf(`${cookie}; ${cookie}`), 'token_invalid')
  const long = 14_000
  for (const filling of [' ', ';', '=', 'a=', ' ;', '\t=', '__Host-lk_a'])
    t.equal(await codeOf(`x${filling.repeat(long / filling.length)}x; ${cookie}`), 'accepted', filling)
  const began = process.cpuUsage()
  for (let n = 0; n < 40; n += 1) await codeOf(`a=${' '.repeat(long)}x`)
  t.ok(process.cpuUsage(began).user < 2_000_000, 'quadratic time would take ten seconds')
})
