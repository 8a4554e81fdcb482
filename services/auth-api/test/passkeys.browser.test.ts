// What people do, in a real browser: an authenticator in it makes passkeys and signs, as a phone or a laptop does.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { codeNow, eventsFor } from './support/authenticator.js'
import { openChromium } from './support/chromium.js'
import { addAuthenticator, runInPage, scriptOf } from './support/guide-page.js'
import { newEmail, password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

/** A browser takes http for secure on this machine, and no certificate of a test's own for passkeys. */
const site = createServer((_, answer) => {
  answer
    .writeHead(200, { 'content-type': 'text/html' })
    .end('<!doctype html><title>a page</title><input name="email" autocomplete="username webauthn">')
})
site.listen(0, '127.0.0.1')
await once(site, 'listening')
const pageUrl = `http://localhost:${(site.address() as AddressInfo).port}`

const testApp = await createTestApp(t, {
  useCookieSessions: true,
  allowedOrigins: [pageUrl],
  webauthnRpId: 'localhost',
  webauthnOrigins: [pageUrl],
})
const { api, app, db } = testApp
await app.listen({ host: '127.0.0.1', port: 0 })
const apiUrl = `http://localhost:${(app.server.address() as AddressInfo).port}/api/v1/auth`

const context = await openChromium(t)
t.teardown(async () => {
  site.closeAllConnections()
  await once(site.close(), 'close')
})
const page = await context.newPage()
await page.goto(pageUrl)
const { devtools, authenticatorId } = await addAuthenticator(page)

const addresses = { 'https://auth.example.com/api/v1/auth': apiUrl }
await page.evaluate(`(() => {
  ${scriptOf('browser-sessions.md', addresses)}
  ${scriptOf('passkeys.md', addresses)}
  const forgetCsrfToken = () => { csrfToken = undefined }
  Object.assign(globalThis, { forgetCsrfToken, call, signIn, addPasskey, signInByPasskey, offerPasskeys, giveSecondFactor, stepUpByPasskey })
})()`)

const inPage = (line: string) => runInPage(page, line)

const email = newEmail()
const user = { email, password }
let userId = ''
let passkeyId = ''
let recoveryCodes: string[] = []

t.test('somebody registers, and adds a passkey', async (t) => {
  const body = JSON.stringify({ body: user, headers: { 'x-session-mode': 'cookie' } })
  t.equal((await inPage(`call('POST', '/register', ${body})`)).status, 201)
  t.equal((await inPage(`signIn(${JSON.stringify(email)}, ${JSON.stringify(password)})`)).status, 200)
  const added = await inPage(`addPasskey('My laptop')`)
  t.match(added, { status: 201, body: { passkey: { name: 'My laptop', isSynced: false } } })
  t.equal((added.body['recoveryCodes'] as string[]).length, 10)
  passkeyId = (added.body['passkey'] as { id: string }).id
  const [row] = await db<{ userId: string }[]>`SELECT user_id FROM passkeys WHERE id = ${passkeyId}`
  userId = row?.userId ?? ''
  const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId })
  t.match(credentials, [{ isResidentCredential: true, rpId: 'localhost', userName: email }])
})

t.test('signs out, and in again without a name and a password', async (t) => {
  t.equal((await inPage(`call('POST', '/logout')`)).status, 204)
  t.equal((await inPage(`call('GET', '/me')`)).status, 401)
  t.match(await inPage('signInByPasskey()'), { status: 200, body: { user: { email } } })
  t.match(await inPage(`call('GET', '/passkeys')`), {
    body: { passkeys: [{ id: passkeyId, lastUsedAt: /^20/ }] },
  })
  t.match((await eventsFor(testApp, userId, 'login.succeeded')).at(-1), {
    data: { amr: ['hwk', 'user', 'mfa'] },
  })
})

t.test('a passkey among what the browser fills in', async (t) => {
  t.equal((await inPage(`call('POST', '/logout')`)).status, 204)
  t.equal(await page.evaluate('PublicKeyCredential.isConditionalMediationAvailable()'), true)
  t.match(await inPage('offerPasskeys(new AbortController().signal)'), {
    status: 200,
    body: { user: { email } },
  })
})

t.test('the browser makes no second one on the same authenticator', async (t) => {
  t.match(await inPage(`addPasskey()`), { status: 0, body: { error: 'InvalidStateError' } })
})

t.test('a password of just now is not enough to remove it; the passkey is', async (t) => {
  t.equal((await inPage(`signIn(${JSON.stringify(email)}, ${JSON.stringify(password)})`)).status, 200)
  t.match(await inPage(`call('DELETE', '/passkeys/${passkeyId}')`), {
    status: 403,
    body: { code: 'step_up_required', methods: ['passkey', 'recovery_code'] },
  })
  t.equal((await inPage('stepUpByPasskey()')).status, 200)
  t.equal(
    (await inPage(`call('PATCH', '/passkeys/${passkeyId}', { body: { name: 'Old laptop' } })`)).status,
    204,
  )
  t.equal((await inPage('addPasskey()')).status, 0, 'fresh enough for another')
})

t.test('without a finger, a face or a PIN nobody gets in', async (t) => {
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
  t.match(await inPage('signInByPasskey()'), { status: 0, body: { error: 'NotAllowedError' } })
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })
})

t.test('it is the second factor of somebody with an authenticator app', async (t) => {
  const { body: setup } = await inPage(`call('POST', '/2fa/setup')`)
  const code = codeNow(String(setup['secret']))
  const enabled = await inPage(`call('POST', '/2fa/verify', { body: { code: '${code}' } })`)
  t.equal(enabled.status, 200)
  recoveryCodes = enabled.body['recoveryCodes'] as string[]
  t.equal((await inPage(`call('POST', '/logout')`)).status, 204)
  const { body } = await inPage(`signIn(${JSON.stringify(email)}, ${JSON.stringify(password)})`)
  t.match(body, { mfaRequired: true, methods: ['totp', 'passkey', 'recovery_code'] })
  t.match(await inPage(`giveSecondFactor('${String(body['mfaToken'])}')`), {
    status: 200,
    body: { user: { email } },
  })
  t.match((await eventsFor(testApp, userId, 'login.succeeded')).at(-1), {
    data: { amr: ['pwd', 'hwk', 'user', 'mfa'] },
  })
})

t.test('an authenticator whose count was set back is a copy', async (t) => {
  t.equal((await inPage('signInByPasskey()')).status, 200)
  const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId })
  const [credential] = credentials
  t.ok(credential && credential.signCount > 1)
  if (credential === undefined) return
  await devtools.send('WebAuthn.removeCredential', { authenticatorId, credentialId: credential.credentialId })
  await devtools.send('WebAuthn.addCredential', {
    authenticatorId,
    credential: { ...credential, signCount: 0 },
  })
  t.match(await inPage('signInByPasskey()'), { status: 401, body: { code: 'invalid_credentials' } })
  t.equal((await eventsFor(testApp, userId, 'passkey.clone_suspected')).length, 1)
  t.equal((await inPage(`call('GET', '/me')`)).status, 401, 'and every session has ended')

  const { body } = await inPage(`signIn(${JSON.stringify(email)}, ${JSON.stringify(password)})`)
  t.match(body, { methods: ['totp', 'recovery_code'] }, 'it is a factor no more')
  const [recoveryCode] = recoveryCodes
  const sent = JSON.stringify({
    body: { mfaToken: body['mfaToken'], recoveryCode },
    headers: { 'x-session-mode': 'cookie' },
  })
  t.equal((await inPage(`call('POST', '/2fa/challenge', ${sent})`)).status, 200)
  await page.evaluate('forgetCsrfToken()')
  t.match(await inPage(`addPasskey('New key')`), { status: 201 }, 'the same authenticator makes another')
  t.equal((await inPage(`call('POST', '/logout')`)).status, 204)
  t.equal((await inPage('signInByPasskey()')).status, 200)
  t.equal((await api('GET', '/passkeys')).status, 401)
})
