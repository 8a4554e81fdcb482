// Property: in a real browser two tabs share one session and its refreshes, and a sign-out in one reaches the other within a second.
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
      globalThis.auth = createClient({ url: 'https://localhost:${front.port}' })
      globalThis.toldAt = {}
      auth.onChange(({ change }) => (toldAt[change] ??= Date.now()))`,
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

/** By the clock of the page, which a busy machine does not make late. */
const toldAt = (page: Page, change: 'signed_in' | 'signed_out'): Promise<number> =>
  page.evaluate<number>(`toldAt.${change}`)
const emailOf = (page: Page): Promise<string | undefined> =>
  page.evaluate<string | undefined>('auth.session?.user.email')
const refreshes = (): typeof front.seen =>
  front.seen.filter(({ method, path }) => method === 'POST' && path.endsWith('/refresh'))

t.test('two tabs', async (t) => {
  const email = newEmail()
  const [one, two] = [await openTab(), await openTab()]
  const signedInAt = await one.evaluate<number>(
    `routes.register(auth, { email: '${email}', password: '${password}' }).then(() => Date.now())`,
  )
  await two.waitForFunction('auth.session !== null', undefined, { timeout: 10_000 })
  t.ok((await toldAt(two, 'signed_in')) - signedInAt < 1000, 'a sign-in in one reaches the other')
  t.equal(await emailOf(two), email)
  const sessionId = await two.evaluate<string>('auth.session.id')

  const use = `Promise.all([1, 2, 3].map(() => routes.getMe(auth)))`
  for (const least of [2n, 3n]) {
    await one.waitForFunction(
      `JSON.parse(localStorage.getItem('latchkey')).expiresAt - Date.now() < 100`,
      undefined,
      { timeout: 5000 },
    )
    await Promise.all([one.evaluate(use), two.evaluate(use)])
    const { generation, revokedAt } = await storedSession(db, sessionId)
    t.ok(generation >= least)
    // Which of two tabs that find the lease free at once has it, storage tells no faster than the machine has time for.
    t.ok(BigInt(refreshes().length) <= 2n * (generation - 1n), 'a refresh for both, or one each')
    t.equal(revokedAt, null)
  }

  await one.reload()
  await one.evaluate(script)
  await one.evaluate('auth.ready')
  t.equal(await emailOf(one), email, 'a reload keeps it')

  const [signedOutAt, isTold] = await two.evaluate<[number, boolean]>(
    'Promise.all([Date.now(), auth.signOut()])',
  )
  t.equal(isTold, true)
  await one.waitForFunction('auth.session === null', undefined, { timeout: 10_000 })
  t.ok((await toldAt(one, 'signed_out')) - signedOutAt < 1000, 'a sign-out reaches the other')
  t.equal(await one.evaluate(`localStorage.getItem('latchkey')`), null)
  t.equal((await storedSession(db, sessionId)).revokeReason, 'logout')
})
