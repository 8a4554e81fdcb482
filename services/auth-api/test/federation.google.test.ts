// Attacks: an ID token of Google's that was made for somebody else, was stolen, or says more than Google vouches for; and asking a provider
// which addresses have an account.
import type { Session } from '@latchkey/contracts/http/answers'
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { attemptsOf, eventsOf, newPerson } from './support/accounts.js'
import { claimsOf, enrol } from './support/authenticator.js'
import { FederatedBrowser, outcomeOf } from './support/federated-browser.js'
import { answerJson, openLyingIssuer } from './support/lying-issuer.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const clientId = '1234.apps.googleusercontent.com'
const google = await openLyingIssuer(t, clientId)
const settings = {
  googleClientId: clientId,
  googleClientSecret: 'GOCSPX-of-a-test',
  outboundAllowedNetworks: ['127.0.0.1'],
  returnToAllowed: [{ origin: 'https://app.example.com', path: '' }],
  allowedOrigins: ['https://app.example.com'],
  requireEmailVerification: true,
  requireMfa: { admins: true, everyone: false, userTypes: ['teacher'] },
}
const app = await createTestApp(t, settings, { overrides: { googleIssuer: google.issuer } })
const { api, db } = app

let people = 0
const newGoogler = (): { sub: string; email: string; email_verified: boolean } => {
  people += 1
  return { sub: `10${people}`, email: `googler${people}@gmail.com`, email_verified: true }
}

async function nonceFor(browser: FederatedBrowser): Promise<string> {
  const { body } = await browser.call('POST', '/oauth/google/nonce')
  return String(body['nonce'])
}
const present = (browser: FederatedBrowser, credential: string, extra: object = {}): Promise<ApiAnswer> =>
  browser.call('POST', '/google', { body: { credential, ...extra } })

async function signInAs(claims: Record<string, unknown>): Promise<ApiAnswer> {
  const browser = new FederatedBrowser(app)
  return present(browser, await google.sign({ ...claims, nonce: await nonceFor(browser) }))
}

async function addUser(email: string, { isProven }: { isProven: boolean }): Promise<string> {
  const [row] = await db<{ id: string }[]>`
    INSERT INTO users (id, email, email_verified_at)
    VALUES (uuid_v7(), ${email}, CASE WHEN ${isProven}::boolean THEN now() END) RETURNING id`
  return row!.id
}

t.test('the credential signs in, and the keys are asked for once', async (t) => {
  const googler = newGoogler()
  const attempts = await attemptsOf(app, 'oauth')
  const answer = await signInAs({ ...googler, azp: 'the.id.of.our.android.app' })
  t.match(answer, { status: 200, body: { user: { email: googler.email, emailVerified: true } } })
  t.match(claimsOf(answer.body as { accessToken: string }), { amr: ['fed'] })
  const again = await signInAs(googler)
  t.same(again.body['user'], {
    ...(answer.body['user'] as object),
    lastLoginAt: (again.body['user'] as Record<string, unknown>)['lastLoginAt'],
  })
  t.same(await attemptsOf(app, 'oauth', attempts), { success: 2, failure: 0 })
  t.equal(google.asked.filter(({ path }) => path === '/jwks').length, 1)
  t.equal(google.asked.filter(({ path }) => path === '/.well-known/openid-configuration').length, 1)
})

t.test('a second factor is asked for, or to be set up where there must be one', async (t) => {
  const [enrolled, teacher] = [newGoogler(), newGoogler()]
  await enrol(app, (await signInAs(enrolled)).body as unknown as Session)
  t.match(await signInAs(enrolled), {
    status: 200,
    body: { mfaRequired: true, methods: ['totp', 'recovery_code'] },
  })
  await signInAs(teacher)
  await db`UPDATE users SET user_type = 'teacher' WHERE email = ${teacher.email}`
  const waiting = await signInAs(teacher)
  t.match(waiting, { status: 200, body: { mfaEnrolmentRequired: true, methods: ['totp', 'passkey'] } })
  t.notOk(waiting.body['accessToken'])
})

t.test('once, and only for who asked for the nonce', async (t) => {
  const refused = { status: 400, body: { code: 'one_time_token_invalid' } }
  const browser = new FederatedBrowser(app)
  const credential = await google.sign({ ...newGoogler(), nonce: await nonceFor(browser) })
  const stranger = new FederatedBrowser(app)
  await nonceFor(stranger)
  t.match(await present(stranger, credential), refused)
  t.match(await api('POST', '/google', { body: { credential } }), refused)
  const answers = await Promise.all(Array.from({ length: 20 }, () => present(browser, credential)))
  t.equal(answers.filter(({ status }) => status === 200).length, 1)
  t.equal(answers.filter(({ body }) => body['code'] === 'one_time_token_invalid').length, 19)

  const late = await google.sign({ ...newGoogler(), nonce: await nonceFor(browser) })
  await db`UPDATE federation_steps SET expires_at = now()`
  t.match(await present(browser, late), refused)
  for (const nonce of ['', 'A'.repeat(43), 'made up', 7])
    t.match(await present(browser, await google.sign({ ...newGoogler(), nonce })), refused)
  for (const nonsense of ['x', 'a.b.c', 'a.b.c.d.e', `${Buffer.from('null').toString('base64url')}.e30.x`])
    t.match(await present(browser, nonsense), refused, nonsense)
  t.match((await eventsOf(app)).at(-1), {
    type: 'login.failed',
    data: { method: 'oauth', provider: 'google', reason: 'one_time_token_invalid' },
  })
})

t.test('for an app without cookies', async (t) => {
  const codeVerifier = randomBytes(32).toString('base64url')
  const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url')
  const asked = await api('POST', '/oauth/google/nonce', { body: { codeChallenge } })
  t.notOk(asked.headers['set-cookie'])
  const credential = await google.sign({ ...newGoogler(), nonce: asked.body['nonce'] })
  const other = { credential, codeVerifier: 'x'.repeat(43) }
  t.equal((await api('POST', '/google', { body: other })).status, 400)
  t.equal((await api('POST', '/google', { body: { credential, codeVerifier } })).status, 200)
})

t.test('no credential that does not hold', async (t) => {
  const now = Math.floor(Date.now() / 1000)
  type Claims = ReturnType<typeof newGoogler> & { nonce: string }
  const lies: [why: string, make: (claims: Claims) => Promise<string>][] = [
    ['for another client', (claims) => google.sign({ ...claims, aud: 'another.apps.googleusercontent.com' })],
    ['of another issuer', (claims) => google.sign({ ...claims, iss: 'https://accounts.example.com' })],
    ['expired', (claims) => google.sign({ ...claims, iat: now - 600, exp: now - 300 })],
    ['by another key', (claims) => google.signByStranger(claims)],
    ['by HMAC with the public key', (claims) => google.signByHmac(claims, 'public key')],
  ]
  for (const [why, make] of lies) {
    const browser = new FederatedBrowser(app)
    const credential = await make({ ...newGoogler(), nonce: await nonceFor(browser) })
    t.match(await present(browser, credential), { status: 401, body: { code: 'identity_refused' } }, why)
    t.equal((await present(browser, credential)).status, 400, `${why}: the nonce is used up`)
  }
})

t.test('an address is taken for theirs where Google keeps its mailbox', async (t) => {
  const workspace = newPerson().email
  const workspaceUser = await addUser(workspace, { isProven: true })
  t.match(await signInAs({ ...newGoogler(), email: workspace, hd: 'example.com' }), {
    status: 200,
    body: { user: { id: workspaceUser } },
  })
  const unproven = { status: 403, body: { code: 'identity_email_unproven' } }
  const [known, unknown] = [newPerson().email, newPerson().email]
  await addUser(known, { isProven: true })
  t.match(await signInAs({ ...newGoogler(), email: known }), unproven)
  t.match(await signInAs({ ...newGoogler(), email: unknown }), unproven, 'and nobody is told which has one')
  t.match(await signInAs({ ...newGoogler(), email_verified: false }), unproven)
  t.match(await signInAs({ ...newGoogler(), email_verified: 'true' }), unproven)
  t.match(await signInAs({ ...newGoogler(), email: undefined }), unproven)
  t.equal((await db`SELECT 1 FROM users WHERE email = ${unknown}`).length, 0)

  const googler = newGoogler()
  await signInAs(googler)
  await db`UPDATE users SET email_verified_at = NULL WHERE email = ${googler.email}`
  t.match(await signInAs(googler), unproven, 'as with a password')
})

t.test('a claim is taken in the form that people may type it, or not at all', async (t) => {
  const names: [name: unknown, kept: string | null][] = [
    ['Ada', 'Ada'],
    ['\u202Eadmin', null],
    ['x'.repeat(201), null],
    [{ $ne: null }, null],
  ]
  for (const [name, kept] of names) {
    const answer = await signInAs({ ...newGoogler(), name, locale: 'de-AT' })
    t.match(answer.body, { user: { name: kept, locale: 'de-AT' } })
  }
  const answer = await signInAs({ ...newGoogler(), locale: '../../etc' })
  t.match(answer.body, { user: { locale: null } })
})

t.test('Google by redirect', async (t) => {
  const browser = new FederatedBrowser(app)
  const { state, nonce } = await browser.begin('google')
  const googler = newGoogler()
  google.answersWith(await google.sign({ ...googler, nonce }))
  const { code } = outcomeOf(
    await browser.comeBack('google', { code: 'x', state, authuser: '0', scope: 'openid' }),
  )
  t.match(await browser.call('POST', '/oauth/exchange', { body: { code } }), {
    status: 200,
    body: { user: { email: googler.email } },
  })
})

t.test('while Google is away', async (t) => {
  const away = await createTestApp(t, settings, {
    database: app.database,
    overrides: { googleIssuer: google.issuer },
  })
  google.lies.set('/.well-known/openid-configuration', answerJson({}, 500))
  const asked = () => google.asked.filter(({ path }) => path === '/.well-known/openid-configuration').length
  const before = asked()
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const browser = new FederatedBrowser(away)
    const credential = await google.sign({ ...newGoogler(), nonce: await nonceFor(browser) })
    const answer = await present(browser, credential)
    t.match(answer, { status: 503, body: { code: 'provider_unavailable' }, headers: { 'retry-after': '10' } })
  }
  t.equal(asked(), before + 1, 'it is not asked each time')
  const none = await createTestApp(
    t,
    { ...settings, googleClientId: null, googleClientSecret: null },
    { database: app.database },
  )
  t.same((await none.api('GET', '/oauth')).body, { providers: [] })
  t.equal((await none.api('POST', '/oauth/google/nonce')).status, 404)
  t.equal((await none.api('POST', '/google', { body: { credential: 'x' } })).status, 404)
})
