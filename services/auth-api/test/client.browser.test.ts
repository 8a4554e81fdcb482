// Property: in a real browser two tabs share one session and one refresh, and a sign-out in one reaches the other within a second.
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import t from 'tap'
import type { Page } from 'playwright-core'
import { openChromium } from './support/chromium.js'
import { openApiFront, openSite } from './support/https-hosts.js'
import { newEmail, password, storedSession } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const front = await openApiFront(t)
const pageUrl = `https://localhost:${await openSite(t)}`
const { app, db } = await createTestApp(t, {
  publicUrl: `https://localhost:${front.port}`,
  allowedOrigins: [pageUrl],
  accessTokenTtlSeconds: 2,
})
await app.listen({ host: '127.0.0.1', port: 0 })
front.leadTo((app.server.address() as AddressInfo).port)

const { outputFiles } = await build({
  stdin: {
    contents: `
      import { createClient } from '@latchkey/client'
      import * as routes from '@latchkey/client/routes'
      globalThis.routes = routes
      globalThis.auth = createClient({ url: 'https://localhost:${front.port}' })`,
    resolveDir: fileURLToPath(new URL('../', import.meta.url)),
  },
  bundle: true,
  format: 'iife',
  write: false,
})
const script = outputFiles[0]?.text ?? ''
const context = await openChromium(t)

async function openTab(): Promise<Page> {
  const page = await context.newPage()
  await page.goto(pageUrl)
  await page.evaluate(script)
  await page.evaluate('auth.ready')
  return page
}

const emailOf = (page: Page): Promise<string | undefined> =>
  page.evaluate<string | undefined>('auth.session?.user.email')
const refreshes = (): typeof front.seen =>
  front.seen.filter(({ method, path }) => method === 'POST' && path.endsWith('/refresh'))

t.test('two tabs', async (t) => {
  const email = newEmail()
  const [one, two] = [await openTab(), await openTab()]
  await one.evaluate(`routes.register(auth, { email: '${email}', password: '${password}' })`)

  await two.waitForFunction('auth.session !== null', undefined, { timeout: 1000 })
  t.equal(await emailOf(two), email, 'a sign-in in one reaches the other')
  const sessionId = await two.evaluate<string>('auth.session.id')

  const use = `Promise.all([1, 2, 3].map(() => routes.getMe(auth)))`
  for (const rotation of [1, 2]) {
    await one.waitForFunction(
      `JSON.parse(localStorage.getItem('latchkey')).expiresAt - Date.now() < 100`,
      undefined,
      { timeout: 5000 },
    )
    await Promise.all([one.evaluate(use), two.evaluate(use)])
    t.equal(refreshes().length, rotation, 'one refresh for both')
  }
  t.match(await storedSession(db, sessionId), { generation: 3n, revokedAt: null })

  await one.reload()
  await one.evaluate(script)
  await one.evaluate('auth.ready')
  t.equal(await emailOf(one), email, 'a reload keeps it')

  t.equal(await two.evaluate('auth.signOut()'), true)
  await one.waitForFunction('auth.session === null', undefined, { timeout: 1000 })
  t.equal(await one.evaluate(`localStorage.getItem('latchkey')`), null, 'a sign-out reaches the other')
  t.equal((await storedSession(db, sessionId)).revokeReason, 'logout')
})
