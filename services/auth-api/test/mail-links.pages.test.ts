// Attacks: a link's token in a log, a Referer or a history, a mail scanner that opens links, and a page that runs what it should not.
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { anotherPassword, countRows, newPerson, signIn, signUp } from './support/accounts.js'
import { codeNow, enrol, freshCode, wrongCode } from './support/authenticator.js'
import { openChromium } from './support/chromium.js'
import { openApiFront } from './support/https-hosts.js'
import { findLinkToken, magicTokenFor, resetTokenFor } from './support/mail-links.js'
import { readQrCode } from './support/qr-codes.js'
import { createTestApp } from './support/test-app.js'

const front = await openApiFront(t)
const publicUrl = `https://localhost:${front.port}`
const app = await createTestApp(t, {
  magicLink: true,
  useCookieSessions: true,
  nodeEnv: 'production',
  publicUrl,
  allowedOrigins: ['https://app.example.com'],
})
const { db } = app
await app.app.listen({ host: '127.0.0.1', port: 0 })
front.leadTo((app.app.server.address() as AddressInfo).port)

const context = await openChromium(t)
const page = await context.newPage()
const complaints: string[] = []
page.on('console', (message) => {
  if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
})
page.on('pageerror', (error) => complaints.push(error.message))

/** In a tab of its own: another fragment alone would be no new page. */
async function open(path: string, token: string): Promise<void> {
  await page.goto('about:blank')
  await page.goto(`${publicUrl}${path}#token=${token}`)
}
const outcome = page.locator('[role=status]')

/** What the page tells of what came of it. */
async function pressButton(): Promise<string> {
  await page.click('button:visible')
  await page.waitForSelector('[role=status]:not(:empty)')
  return (await outcome.textContent()) ?? ''
}

t.test('opening the page does nothing; its button sets the password', async (t) => {
  const { email } = newPerson()
  await signUp(app, { email })
  const token = await resetTokenFor(app, email)
  const before = await countRows(app)
  front.seen.length = 0

  await open('/reset-password', token)
  t.equal(page.url(), `${publicUrl}/reset-password`, 'the token has left the address bar')
  t.equal(await page.evaluate('history.length'), 2, 'and there is no way back to it')
  t.same(await countRows(app), before)
  t.equal(await page.locator(':focus').count(), 0)

  await page.fill('#password', 'short')
  t.match(await pressButton(), /^Choose another password: it must have at least 10 characters/)
  t.equal(await page.getAttribute('#password', 'aria-invalid'), 'true')
  t.equal(await page.locator(':focus').getAttribute('id'), 'password')
  await page.check('#show-password')
  t.equal(await page.getAttribute('#password', 'type'), 'text')
  await page.fill('#password', anotherPassword)
  t.match(await pressButton(), /^Your password is changed/)
  t.equal(await page.locator('form:visible').count(), 0)
  t.equal(await page.locator(':focus').getAttribute('role'), 'status')
  await signIn(app, { email, password: anotherPassword })

  t.same(
    [...new Set(front.seen.map(({ path }) => path))],
    ['/reset-password', '/mail-links/page.css', '/mail-links/page.js', '/api/v1/auth/reset-password'],
  )
  t.notMatch(JSON.stringify(front.seen), token)
  for (const { headers } of front.seen) t.equal(headers.referer, undefined)
})

t.test('a link that was used says so, and another one in the same tab takes its place', async (t) => {
  const { email } = newPerson()
  await signUp(app, { email })
  const replaced = await resetTokenFor(app, email)
  const newest = await resetTokenFor(app, email)
  await open('/reset-password', replaced)
  await page.fill('#password', anotherPassword)
  t.match(await pressButton(), /^This link was used/)
  t.equal(await page.locator('form:visible').count(), 0)
  await page.evaluate(`location.hash = 'token=${newest}'`)
  await page.waitForSelector('form:visible')
  t.equal(page.url(), `${publicUrl}/reset-password`)
  await page.fill('#password', anotherPassword)
  t.match(await pressButton(), /^Your password is changed/)
})

t.test('what is no fault of the link leaves the form to be sent again', async (t) => {
  await open('/reset-password', 'lkl_any')
  await page.fill('#password', anotherPassword)
  const answers = [
    [{ status: 429, headers: { 'retry-after': '90' }, json: { code: 'rate_limited' } }, /again in 2 minutes/],
    [{ status: 503, json: { code: 'unavailable', title: 'The service is away' } }, /in a moment/],
    [{ status: 502, body: '<h1>Bad gateway</h1>' }, /in a moment/],
  ] as const
  for (const [answer, told] of answers) {
    await page.route('**/reset-password', (route) => route.fulfill(answer), { times: 1 })
    t.match(await pressButton(), told)
    t.equal(await page.locator('button:enabled:visible').count(), 1)
  }
  await page.route('**/reset-password', (route) => route.abort(), { times: 1 })
  t.match(await pressButton(), /in a moment/)
  complaints.length = 0 // the browser tells of each of these answers
})

t.test('without a token there is nothing to send', async (t) => {
  for (const path of [
    '/verify-email',
    '/reset-password?token=lkl_x',
    '/confirm-email-change',
    '/magic-link#x',
  ]) {
    await page.goto(publicUrl + path)
    t.match(await outcome.textContent(), /Open that link once more/)
    t.equal(await page.locator('form:visible').count(), 0)
  }
})

t.test('the address is confirmed', async (t) => {
  const { email } = newPerson()
  const { user } = await signUp(app, { email })
  const token = await findLinkToken(app, 'verify_email', email)
  await open('/verify-email', token ?? '')
  t.match(await pressButton(), /is confirmed/)
  t.same(await db`SELECT email_verified_at IS NOT NULL AS done FROM users WHERE id = ${user.id}`, [
    { done: true },
  ])
})

t.test('the magic link signs this browser in and leads on to the application', async (t) => {
  const { email } = newPerson()
  await signUp(app, { email })
  await open('/magic-link', await magicTokenFor(app, email))
  t.same(await context.cookies(), [])
  t.equal(await pressButton(), `You are signed in as ${email}.`)
  t.same((await context.cookies()).map(({ name }) => name).toSorted(), [
    '__Host-lk_at',
    '__Host-lk_csrf',
    '__Host-lk_dev',
    '__Secure-lk_rt',
  ])
  t.equal(await page.locator('a:visible').getAttribute('href'), 'https://app.example.com')
  t.match(await page.evaluate(`fetch('api/v1/auth/me').then((answer) => answer.json())`), { email })
})

t.test('and asks for the second factor of a user who has one', async (t) => {
  const { email } = newPerson()
  const session = await signUp(app, { email })
  await db`UPDATE users SET email_verified_at = now() WHERE id = ${session.user.id}`
  const authenticator = await enrol(app, session)
  await context.clearCookies()

  await open('/magic-link', await magicTokenFor(app, email))
  await page.click('button:visible')
  await page.waitForSelector('#code:visible')
  t.equal(await page.locator(':focus').getAttribute('id'), 'code')
  t.same(await context.cookies(), [])
  await page.fill('#code', 'abcd-efgh')
  t.equal(await pressButton(), 'The code is not right.')
  await page.fill('#code', ` ${await freshCode(app, authenticator)} `)
  t.equal(await pressButton(), `You are signed in as ${email}.`)
  t.equal((await context.cookies()).length, 4)
  complaints.length = 0 // it tells of the refusal
})

t.test('and sets up the second factor of a user who must have one', async (t) => {
  const { email } = newPerson()
  const { user } = await signUp(app, { email })
  await db`UPDATE users SET email_verified_at = now(), roles = '{user,admin}' WHERE id = ${user.id}`
  await context.clearCookies()

  await open('/magic-link', await magicTokenFor(app, email))
  await page.click('button:visible')
  await page.waitForSelector('#first-code:visible')
  t.equal(await page.locator(':focus').getAttribute('id'), 'first-code')
  t.ok(await page.evaluate(`document.querySelector('#qr-code').naturalWidth > 100`))
  const scanned = readQrCode((await page.locator('#qr-code').getAttribute('src')) ?? '')
  const secret = new URL(scanned ?? '').searchParams.get('secret') ?? ''
  t.equal(await page.locator('#secret').textContent(), secret)
  await page.fill('#first-code', wrongCode(secret))
  t.equal(await pressButton(), 'The code is not right.')
  await page.fill('#first-code', codeNow(secret))
  t.equal(await pressButton(), `You are signed in as ${email}.`)
  t.equal(await page.locator('#recovery li:visible').count(), 10)
  t.match(await page.evaluate(`fetch('api/v1/admin/stats').then(({ status }) => status)`), 200)
  complaints.length = 0 // it tells of the refusal
})

t.test('readable in the dark and on a small screen', async (t) => {
  const grounds = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width: 320, height: 480 })
    await open('/reset-password', 'lkl_any')
    grounds.push(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
    t.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'))
  }
  t.not(grounds[0], grounds[1])
})

t.test('the browser had nothing to complain of', async (t) => {
  t.same(complaints, [])
})

t.test('each page runs nothing but its own files, and nobody may frame or keep it', async (t) => {
  const policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
  const pages = app.app.routeInventory.filter(
    ({ url, schema }) => schema?.hide === true && !/^\/(api|admin)/.test(url),
  )
  t.equal(pages.length, 2 * 7)
  for (const { method, url } of pages) {
    const { statusCode, headers, body } = await app.app.inject({
      method: method as 'GET',
      url: `${url}?utm_source=mail`,
    })
    t.equal(statusCode, 200, url)
    t.match(headers, {
      'content-security-policy': policy,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'content-type': /^text\/(html|css|javascript); charset=utf-8$/,
    })
    for (const [, action = ''] of body.matchAll(/ action="([^"]*)"/g)) {
      t.ok(app.app.hasRoute({ method: 'POST', url: `/${action}` }), `${url} calls ${action}`)
    }
    t.notMatch(body, /<script>|<style| style=| on\w+="|https?:\/\/(?!app\.example\.com)|\{\{/, url)
  }
})
