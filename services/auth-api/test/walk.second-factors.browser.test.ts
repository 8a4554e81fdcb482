// What a user does from the first day on, in a real browser with the scripts of our guides: every way in, one after the other, and out.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { codeNow, eventsFor, freshCode } from './support/authenticator.js'
import { openChromium } from './support/chromium.js'
import { addAuthenticator, runInPage, scriptOf, type PageAnswer } from './support/guide-page.js'
import { openIssuer } from './support/openid-issuer.js'
import { readQrCode } from './support/qr-codes.js'
import { newEmail, password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

/** One origin, as a proxy makes it: the application's pages, and under /api ours. */
const site = createServer()
site.listen(0, '127.0.0.1')
await once(site, 'listening')
const siteUrl = `http://localhost:${(site.address() as AddressInfo).port}`
const auth = `${siteUrl}/api/v1/auth`

const secret = 'a secret of the client, for nobody else'
const callback = `${auth}/oauth/staff/callback`
const issuer = await openIssuer(t, { id: 'latchkey', secret, redirectUri: () => callback })
const testApp = await createTestApp(t, {
  publicUrl: siteUrl,
  allowedOrigins: [siteUrl],
  returnToAllowed: [{ origin: siteUrl, path: '/signed-in' }],
  useCookieSessions: true,
  webauthnRpId: 'localhost',
  webauthnOrigins: [siteUrl],
  outboundAllowedNetworks: ['127.0.0.1'],
  oidcProviders: [
    {
      id: 'staff',
      name: 'Example staff',
      issuer: issuer.issuer,
      clientId: 'latchkey',
      clientSecret: secret,
      scopes: ['openid', 'email', 'profile'],
      trustEmail: true,
    },
  ],
})

const addresses = { 'https://auth.example.com/api/v1/auth': auth, 'https://app.example.com': siteUrl }
const [leave, arrive] = scriptOf('federation.md', addresses).split('// on /signed-in')
const html = `<!doctype html><title>An application</title><script>
  ${scriptOf('browser-sessions.md', addresses)}
  ${scriptOf('passkeys.md', addresses)}
</script>`
site.on('request', (request, response) => {
  if (request.url?.startsWith('/api/') === true) testApp.app.routing(request, response)
  else response.writeHead(200, { 'content-type': 'text/html' }).end(html)
})

const context = await openChromium(t)
t.teardown(async () => {
  site.closeAllConnections()
  await once(site.close(), 'close')
})
const page = await context.newPage()
await page.goto(siteUrl)
await addAuthenticator(page)

const inPage = (line: string): Promise<PageAnswer> => runInPage(page, line)
const inCookies = { 'x-session-mode': 'cookie' }
const call = (method: string, path: string, body?: object, headers?: object): Promise<PageAnswer> =>
  inPage(`call('${method}', '${path}', ${JSON.stringify({ body, headers })})`)

/** The page as it is opened anew: what its scripts remember of another session is forgotten. */
const signOut = async () => {
  const { status } = await call('POST', '/logout')
  await page.goto(siteUrl)
  return status
}

const email = newEmail()
let user = { id: '' }
let seed = ''
let recoveryCodes: string[] = []

const signIn = () => inPage(`signIn(${JSON.stringify(email)}, ${JSON.stringify(password)})`)
const nextCode = () => freshCode(testApp, { secret: seed, session: { user } })
const challenge = (given: object) => call('POST', '/2fa/challenge', given, inCookies)
const lastAmr = async () => (await eventsFor(testApp, user.id, 'login.succeeded')).at(-1)?.data?.['amr']

/** By the provider, and back to where the application is signed in. */
async function comeBack(there: string): Promise<void> {
  await page.evaluate(`void setTimeout(() => { ${there} })`)
  await page.waitForURL(`${siteUrl}/signed-in?**`)
}
/** The guide's script awaits an answer that it leaves to its reader; here it is read. */
const exchange = () => inPage(`(async () => { ${arrive?.replace('await fetch(', 'return fetch(')} })()`)
const identities = async () =>
  (await call('GET', '/identities')).body['identities'] as { id: string; provider: string }[]

t.test('registers, and sets up an app by its picture', async (t) => {
  const registered = await call('POST', '/register', { email, password }, inCookies)
  t.match(registered, { status: 201, body: { user: { email, mfaEnabled: false } } })
  user = registered.body['user'] as typeof user
  await page.reload()
  const { body } = await call('POST', '/2fa/setup')
  await page.evaluate(
    `document.body.append(Object.assign(new Image(), { src: ${JSON.stringify(body['qrCode'])} }))`,
  )
  const picture = await page.locator('img').screenshot()
  const read = new URL(readQrCode(`data:image/png;base64,${picture.toString('base64')}`) ?? 'none:')
  t.equal(read.protocol, 'otpauth:')
  seed = read.searchParams.get('secret') ?? ''
  const enabled = await call('POST', '/2fa/verify', { code: codeNow(seed) })
  t.equal(enabled.status, 200)
  recoveryCodes = enabled.body['recoveryCodes'] as string[]
  t.equal(recoveryCodes.length, 10)
  t.equal(await signOut(), 204)
})

t.test('signs in with the password and a code', async (t) => {
  const { body } = await signIn()
  t.match(body, { mfaRequired: true, methods: ['totp', 'recovery_code'] })
  t.equal((await call('GET', '/me')).status, 401, 'which the password alone does not do')
  const { mfaToken } = body
  t.match(await challenge({ mfaToken, code: await nextCode() }), { status: 200, body: { user: { email } } })
  await page.reload()
  t.same(await lastAmr(), ['pwd', 'otp', 'mfa'])
})

t.test('adds a passkey, and signs in without a name and a password', async (t) => {
  t.match(await inPage(`addPasskey('Laptop')`), { status: 201, body: { passkey: { name: 'Laptop' } } })
  t.equal(await signOut(), 204)
  t.match(await inPage('signInByPasskey()'), { status: 200, body: { user: { email } } })
  t.same(await lastAmr(), ['hwk', 'user', 'mfa'])
})

t.test('links an account elsewhere, which signs in up to the second factor', async (t) => {
  issuer.account = { sub: 'grace', email: 'grace@staff.example.com', email_verified: true }
  const returnTo = `${siteUrl}/signed-in`
  const { body } = await call('POST', '/oauth/staff/link', { returnTo })
  await comeBack(`location.href = ${JSON.stringify(body['url'])}`)
  t.same(await identities(), [], 'coming back has linked nothing')
  const code = new URL(page.url()).searchParams.get('code')
  t.match(await call('POST', '/oauth/link', { code }), { status: 200, body: { provider: 'staff' } })
  t.equal(await signOut(), 204)

  await comeBack(leave ?? '')
  const answer = await exchange()
  t.match(answer, { status: 200, body: { mfaRequired: true, methods: ['totp', 'passkey', 'recovery_code'] } })
  t.equal((await call('GET', '/me')).status, 401)
  const { mfaToken } = answer.body
  t.equal((await challenge({ mfaToken, code: await nextCode() })).status, 200)
  await page.reload()
  t.same(await lastAmr(), ['fed', 'otp', 'mfa'])
})

t.test('unlinks it, and signs in with a recovery code, once', async (t) => {
  const [identity] = await identities()
  t.equal((await call('DELETE', `/identities/${identity?.id}`)).status, 204)
  t.same(await identities(), [])
  t.equal(await signOut(), 204)
  const [recoveryCode] = recoveryCodes
  const { mfaToken } = (await signIn()).body
  t.equal((await challenge({ mfaToken, recoveryCode })).status, 200)
  await page.reload()
  t.match(await call('GET', '/2fa'), { body: { recoveryCodesLeft: 9, passkeys: 1 } })
  t.equal(await signOut(), 204)
  const again = (await signIn()).body
  t.match(await challenge({ mfaToken: again['mfaToken'], recoveryCode }), {
    status: 401,
    body: { code: 'mfa_code_invalid' },
  })
})

t.test('a remembered device is asked for no code, until it is forgotten', async (t) => {
  const { mfaToken } = (await signIn()).body
  const code = await nextCode()
  t.equal((await challenge({ mfaToken, code, rememberDevice: true })).status, 200)
  await page.reload()
  t.equal(await signOut(), 204)
  t.match(await signIn(), { status: 200, body: { user: { email } } })
  t.same(await lastAmr(), ['pwd'])
  t.equal((await call('DELETE', '/2fa/devices')).status, 200)
  t.equal(await signOut(), 204)
  t.match((await signIn()).body, { mfaRequired: true })
})

t.test('whoever came by a provider alone cannot remove the last way in', async (t) => {
  await context.clearCookies()
  await page.goto(siteUrl)
  issuer.account = { sub: 'ada', email: newEmail(), email_verified: true }
  await comeBack(leave ?? '')
  t.match(await exchange(), { status: 200, body: { user: { email: issuer.account.email } } })
  await page.goto(siteUrl)
  const [identity] = await identities()
  const unlink = () => call('DELETE', `/identities/${identity?.id}`)
  t.match(await unlink(), { status: 409, body: { code: 'last_way_in' } })

  const added = await inPage(`addPasskey('Phone')`)
  t.equal(added.status, 201)
  t.equal((await inPage('stepUpByPasskey()')).status, 200)
  t.equal((await unlink()).status, 204, 'a passkey is another')
  const { id } = added.body['passkey'] as { id: string }
  t.match(await call('DELETE', `/passkeys/${id}`), { status: 409, body: { code: 'last_way_in' } })
})
