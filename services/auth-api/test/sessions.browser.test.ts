// Attack: a page of another origin in a real browser, with the visitor's cookies in it.
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import t from 'tap'
import { openChromium } from './support/chromium.js'
import { openApiFront, openSite } from './support/https-hosts.js'
import { newEmail, password, storedSession } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const front = await openApiFront(t)
const apiUrl = `https://localhost:${front.port}/api/v1/auth`
const pageUrl = `https://localhost:${await openSite(t)}`
/** The browser takes it for the same site, as it does `blog.` and `app.example.com`: SameSite cookies go along. */
const siblingUrl = `https://localhost:${await openSite(t)}`
const foreignUrl = `https://127.0.0.1:${await openSite(t)}`

const { app, db } = await createTestApp(t, {
  useCookieSessions: true,
  nodeEnv: 'production',
  publicUrl: `https://localhost:${front.port}`,
  allowedOrigins: [pageUrl],
})
await app.listen({ host: '127.0.0.1', port: 0 })
front.leadTo((app.server.address() as AddressInfo).port)

const context = await openChromium(t)
const page = await context.newPage()
await page.goto(pageUrl)

interface Call {
  method: string
  headers?: Record<string, string>
  body?: string
  mode?: 'cors' | 'no-cors'
}

/** What a script of this page gets to see; null when the browser keeps it from it. */
async function callFrom(
  from: Page,
  path: string,
  call: Call,
): Promise<{ status: number; text: string } | null> {
  return from.evaluate(
    async ([url, init]) => {
      try {
        const answer = await fetch(url, { ...init, credentials: 'include' })
        return { status: answer.status, text: await answer.text() }
      } catch {
        return null
      }
    },
    [apiUrl + path, call] as const,
  )
}

async function csrfTokenFor(from: Page): Promise<string> {
  const answer = await callFrom(from, '/csrf-token', { method: 'GET' })
  const { csrfToken } = JSON.parse(answer?.text ?? '{}') as { csrfToken?: string }
  if (csrfToken === undefined) throw new Error(`no CSRF token: ${answer?.text}`)
  return csrfToken
}

const json = { 'content-type': 'application/json' }
const email = newEmail()
let sessionId = ''
let csrf = ''

t.test('a page of an allowed origin signs in, and the tokens stay out of its reach', async (t) => {
  const headers = { ...json, 'x-session-mode': 'cookie' }
  const body = JSON.stringify({ email, password })
  t.equal((await callFrom(page, '/register', { method: 'POST', headers, body }))?.status, 201)
  const answer = await callFrom(page, '/login', { method: 'POST', headers, body })
  t.equal(answer?.status, 200)
  t.notMatch(answer?.text, /eyJ|lk1\./)
  sessionId = (JSON.parse(answer?.text ?? '{}') as { sessionId: string }).sessionId

  const kept = (await context.cookies()).map(({ name, domain, path, httpOnly, secure, sameSite }) => {
    return { name, domain, path, httpOnly, secure, sameSite }
  })
  const common = { domain: 'localhost', secure: true, sameSite: 'Strict' }
  t.same(
    kept.toSorted((one, other) => one.name.localeCompare(other.name)),
    [
      { name: '__Host-lk_at', path: '/', httpOnly: true, ...common },
      { name: '__Host-lk_csrf', path: '/', httpOnly: false, ...common },
      { name: '__Host-lk_dev', path: '/', httpOnly: true, ...common },
      { name: '__Secure-lk_rt', path: '/api', httpOnly: true, ...common },
    ],
  )
  t.notMatch(await page.evaluate('document.cookie'), /lk_at|lk_rt|lk_dev/)
})

t.test('it reads, changes and refreshes', async (t) => {
  t.match((await callFrom(page, '/me', { method: 'GET' }))?.text, email)
  csrf = await csrfTokenFor(page)
  const headers = { ...json, 'x-csrf-token': csrf }
  const change = { method: 'PATCH', headers, body: '{"name":"Grace"}' }
  t.equal((await callFrom(page, '/me', change))?.status, 200)
  const without = await callFrom(page, '/me', { method: 'PATCH', headers: json, body: '{"name":"Eve"}' })
  t.match(without, { status: 403, text: /csrf_invalid/ })

  const before = await context.cookies()
  const refresh = { method: 'POST', headers: { 'x-csrf-token': csrf, 'idempotency-key': 'k1' } }
  t.equal((await callFrom(page, '/refresh', refresh))?.status, 200)
  t.equal((await storedSession(db, sessionId)).generation, 2n)
  const valueOf = (cookies: typeof before, name: string) =>
    cookies.find((cookie) => cookie.name === name)?.value
  const after = await context.cookies()
  for (const name of ['__Host-lk_at', '__Secure-lk_rt']) t.not(valueOf(after, name), valueOf(before, name))
  t.equal((await callFrom(page, '/me', { method: 'GET' }))?.status, 200)
})

t.test('when the browser has dropped the access cookie, the refresh cookie brings it back', async (t) => {
  await context.clearCookies({ name: '__Host-lk_at' })
  t.equal((await callFrom(page, '/me', { method: 'GET' }))?.status, 401)
  t.equal(await csrfTokenFor(page), csrf)
  t.equal(
    (await callFrom(page, '/refresh', { method: 'POST', headers: { 'x-csrf-token': csrf } }))?.status,
    200,
  )
  t.equal((await callFrom(page, '/me', { method: 'GET' }))?.status, 200)
})

/** Everything that a page may try without being asked by the browser first, and some that it is asked about. */
const attempts: [path: string, call: Call][] = [
  ['/logout', { method: 'POST', mode: 'no-cors' }],
  ['/logout-all', { method: 'POST', mode: 'no-cors' }],
  ['/refresh', { method: 'POST', mode: 'no-cors' }],
  ['/refresh', { method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' }, body: '{}' }],
  ['/logout', { method: 'POST' }],
  ['/logout-all', { method: 'POST', headers: json, body: '{}' }],
  ['/refresh', { method: 'POST', headers: json, body: '{}' }],
  ['/me', { method: 'PATCH', headers: json, body: '{"name":"Eve"}' }],
  ['/login', { method: 'POST', headers: { ...json, 'x-session-mode': 'cookie' }, body: '{}' }],
  ['/me', { method: 'GET' }],
  ['/me', { method: 'GET', mode: 'no-cors' }],
  ['/sessions', { method: 'GET' }],
  ['/csrf-token', { method: 'GET' }],
  ['/csrf-token', { method: 'GET', mode: 'no-cors' }],
]
const forms: [path: string, method: string, enctype: string][] = [
  ['/logout', 'post', 'text/plain'],
  ['/logout-all', 'post', 'application/x-www-form-urlencoded'],
  ['/refresh', 'post', 'multipart/form-data'],
  ['/login', 'post', 'text/plain'],
  ['/csrf-token', 'get', 'text/plain'],
  ['/me', 'get', 'text/plain'],
]

async function everyRow(): Promise<unknown> {
  return db`
    SELECT (SELECT json_agg(u) FROM users u) AS users, (SELECT json_agg(c) FROM credentials c) AS credentials,
      (SELECT json_agg(s) FROM sessions s) AS sessions`
}

for (const [who, url, hasCookies] of [
  ['a sibling of the site', siblingUrl, true],
  ['another site', foreignUrl, false],
] as const) {
  t.test(`${who} reads nothing and changes nothing`, async (t) => {
    const rows = await everyRow()
    const cookies = await context.cookies()
    const stranger = await context.newPage()
    await stranger.goto(url)
    front.seen.length = 0

    for (const [path, call] of attempts) {
      const answer = await callFrom(stranger, path, call)
      t.notOk(answer?.text, `${call.method} ${path} ${call.mode ?? 'cors'}: nothing to read`)
    }
    for (const [path, method, enctype] of forms) {
      await stranger.goto(url)
      await stranger.setContent(
        `<form action="${apiUrl}${path}" method="${method}" enctype="${enctype}"><button name="a" value="b">Win</button></form>`,
      )
      const answered = stranger.waitForResponse((response) => response.url().startsWith(apiUrl))
      await stranger.click('button')
      t.ok((await answered).status() >= 400, `a form: ${method} ${path} ${enctype}`)
    }

    const arrived = front.seen.filter(({ method }) => method !== 'OPTIONS')
    for (const { method, path, status } of arrived) t.ok(status >= 400, `${method} ${path} ${status}`)
    const posts = arrived.filter(({ method }) => method === 'POST')
    t.ok(posts.length >= 6, 'the browser has sent what it sends without asking')
    t.equal(
      posts.some(({ headers }) => headers.cookie?.includes('lk_at') === true),
      hasCookies,
      'and the cookies only within the site',
    )
    t.same(await everyRow(), rows)
    t.same(await context.cookies(), cookies)
    await stranger.close()
  })
}

t.test('after all that the page goes on as if nothing had been, and signs out', async (t) => {
  const headers = { ...json, 'x-csrf-token': csrf }
  const change = { method: 'PATCH', headers, body: '{"name":"Grace Hopper"}' }
  t.equal((await callFrom(page, '/me', change))?.status, 200, 'its CSRF token is the same')
  t.equal(
    (await callFrom(page, '/logout', { method: 'POST', headers: { 'x-csrf-token': csrf } }))?.status,
    204,
  )
  t.match(await context.cookies(), [{ name: '__Host-lk_dev' }], 'the device stays known')
  t.equal((await storedSession(db, sessionId)).revokeReason, 'logout')
  t.equal((await callFrom(page, '/me', { method: 'GET' }))?.status, 401)
})

t.test('the script of docs/browser-sessions.md does what the page says', async (t) => {
  const guide = readFileSync(
    fileURLToPath(new URL('../../../docs/browser-sessions.md', import.meta.url)),
    'utf8',
  )
  const script = /```js\n([^]*?)```/.exec(guide)?.[1]?.replace('https://auth.example.com/api/v1/auth', apiUrl)
  front.seen.length = 0
  const statuses = await page.evaluate(`(async () => {
    ${script}
    const answers = [await signIn(${JSON.stringify(email)}, ${JSON.stringify(password)})]
    answers.push(await call('PATCH', '/me', { body: { name: 'Ada' } }), await call('POST', '/refresh'))
    csrfToken = 'stale'
    answers.push(await call('PATCH', '/me', { body: { name: 'Ada' } }), await call('POST', '/logout'))
    return answers.map(({ status }) => status)
  })()`)
  t.same(statuses, [200, 200, 200, 200, 204])
  t.equal(front.seen.filter(({ status }) => status === 403).length, 1, 'and only a stale token is refused')
})
