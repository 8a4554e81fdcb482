// Attacks: taking an account over by an address that is not proven, getting past the second factor or a lock by way of a provider, and an
// open redirect.
import type { Session } from '@latchkey/contracts/http/answers'
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { attemptsOf, eventsOf, isAlive, newPerson, signIn, signUp } from './support/accounts.js'
import { claimsOf, enrol, freshCode, mfaTokenOf } from './support/authenticator.js'
import { FederatedBrowser, locationOf, outcomeOf, returnTo } from './support/federated-browser.js'
import { createFederationApp, newAccount } from './support/federation-app.js'
import { resetPassword, resetTokenFor } from './support/mail-links.js'
import { addPasskey, passkeySettings, requestOptions, verifySignIn } from './support/passkeys.js'
import { rememberDeviceOf } from './support/remembered-devices.js'
import { password } from './support/session-driver.js'
import { usePasskey } from './support/software-authenticator.js'

const app = await createFederationApp(t, passkeySettings)
const { api, db, issuers, visit, signInAt, sessionAt, errorAt, linkAt, identitiesOf, typesSince } = app

t.test('the sign-in page is told which providers there are', async (t) => {
  const { body } = await api('GET', '/oauth')
  t.same(body, {
    providers: [
      { id: 'work', name: 'Work' },
      { id: 'club', name: 'Club' },
    ],
  })
  t.match(await api('GET', `/oauth/nobody?returnTo=${returnTo}`), { status: 404 })
})

t.test('a new user, and then the same one, whatever the address is by then', async (t) => {
  const account = newAccount({ name: 'Grace Hopper' })
  const attempts = await attemptsOf(app, 'oauth')
  const before = (await eventsOf(app)).length
  const first = await signInAt('work', account, { deviceName: 'Desk' })
  t.match(first, {
    status: 200,
    body: { user: { email: account.email, emailVerified: true, name: 'Grace Hopper', mfaEnabled: false } },
  })
  const session = first.body as unknown as Session
  t.match(claimsOf(session), { amr: ['fed'], aal: 1 })
  t.same(await typesSince(before), ['user.registered', 'email.verified', 'login.succeeded'])
  t.match((await eventsOf(app))[before], { data: { method: 'oauth', provider: 'work' } })
  t.same(await attemptsOf(app, 'oauth', attempts), { success: 1, failure: 0 })

  const again = await sessionAt('work', { ...account, email: newPerson().email })
  t.equal(again.user.id, session.user.id)
  t.equal(again.user.email, account.email, 'which only its owner changes')
  t.match((await eventsOf(app)).slice(-2), [{ type: 'identity.used' }, { type: 'login.succeeded' }])
  t.match(await api('POST', '/login', { body: { email: account.email, password } }), { status: 401 })
  const [row] = await db`SELECT * FROM identities WHERE user_id = ${session.user.id}`
  t.same(
    Object.keys(row ?? {}).toSorted(),
    ['id', 'userId', 'provider', 'issuer', 'subject', 'email', 'linkedAt', 'lastUsedAt'].toSorted(),
    'nothing of the provider is kept that opens anything there',
  )
})

t.test('the same subject at another issuer is somebody else', async (t) => {
  const account = newAccount()
  const one = await sessionAt('work', account)
  const other = await sessionAt('club', { ...newAccount(), sub: account.sub })
  t.not(one.user.id, other.user.id)
  t.match(other.user, { emailVerified: false }, 'of a provider that is not believed')
})

t.test('an account of the address is theirs if both sides have proven it', async (t) => {
  const { email } = newPerson()
  const session = await signUp(app, { email })
  await db`UPDATE users SET email_verified_at = now() WHERE id = ${session.user.id}`
  t.equal(await errorAt('club', newAccount({ email })), 'account_exists_link_required', 'not believed')
  t.equal(
    await errorAt('work', newAccount({ email, email_verified: false })),
    'account_exists_link_required',
    'not proven',
  )
  t.equal((await identitiesOf(session)).length, 0)
  const before = (await eventsOf(app)).length
  const account = newAccount({ email: email.toUpperCase() })
  const federated = await sessionAt('work', account)
  t.equal(federated.user.id, session.user.id)
  t.same(await typesSince(before), ['identity.linked', 'login.succeeded'])
  t.same(await isAlive(app, session), { access: true, refresh: true })
  await signIn(app, { email })
})

t.test('what somebody left who never proved the address ends with its owner', async (t) => {
  const { email } = newPerson()
  const registrant = await signUp(app, { email })
  const theirs = newAccount()
  t.equal((await linkAt('club', registrant, theirs)).status, 200)
  const enrolled = await enrol(app, registrant)
  const { held } = await addPasskey(app, enrolled.session)
  const remembered = await rememberDeviceOf(app, { ...enrolled, email, userId: registrant.user.id })
  const halfWay = await mfaTokenOf(app, email)
  const code = await freshCode(app, enrolled)
  const passkey = usePasskey(await requestOptions(app), held)
  const elsewhere = new FederatedBrowser(app)
  const returned = await visit(elsewhere, 'club', theirs)
  const linking = new FederatedBrowser(app)
  const asked = await api('POST', '/oauth/club/link', {
    token: remembered.session.accessToken,
    body: { returnTo },
  })
  const ticket = Object.fromEntries(new URL(String(asked.body['url'])).searchParams)

  const owner = await sessionAt('work', newAccount({ email }))
  t.equal(owner.user.id, registrant.user.id)
  t.match(owner.user, { emailVerified: true, mfaEnabled: false })
  t.same(await isAlive(app, registrant), { access: false, refresh: false })
  t.match(await api('POST', '/login', { body: { email, password } }), { status: 401 })
  t.match(await identitiesOf(owner), [{ provider: 'work' }])

  // Nor is anything of it left to be gone on with, also where the owner sets a password.
  const over = { status: 400, body: { code: 'one_time_token_invalid' } }
  t.match(await api('POST', '/2fa/challenge', { body: { mfaToken: halfWay, code } }), over)
  t.equal((await verifySignIn(app, passkey)).status, 401)
  t.match(await elsewhere.call('POST', '/oauth/exchange', { body: { code: returned.code } }), over)
  t.match(await linking.open(`/oauth/club?ticket=${ticket['ticket']}`), over)
  t.not((await sessionAt('club', theirs)).user.id, owner.user.id)
  await resetPassword(app, await resetTokenFor(app, email), password)
  const { token: rememberToken } = remembered
  await enrol(app, await signIn(app, { email }))
  t.match((await api('POST', '/login', { body: { email, password, rememberToken } })).body, {
    mfaRequired: true,
    methods: ['totp', 'recovery_code'],
  })
  const [recoveryCode] = enrolled.recoveryCodes
  const mfaToken = await mfaTokenOf(app, email)
  t.equal((await api('POST', '/2fa/challenge', { body: { mfaToken, recoveryCode } })).status, 401)
})

t.test('no account without an address, nor for whoever is disabled', async (t) => {
  t.equal(await errorAt('work', { sub: 'without' }), 'identity_email_unproven')
  t.equal(await errorAt('work', newAccount({ email: 'no address' })), 'identity_email_unproven')
  const account = newAccount()
  const session = await sessionAt('work', account)
  const browser = new FederatedBrowser(app)
  const { code } = await visit(browser, 'work', account)
  await db`UPDATE users SET disabled_at = now() WHERE id = ${session.user.id}`
  t.equal((await browser.call('POST', '/oauth/exchange', { body: { code } })).status, 400)
  t.equal(await errorAt('work', account), 'invalid_credentials')
  t.equal(await errorAt('work', newAccount({ email: session.user.email })), 'invalid_credentials')
})

t.test('of ten who come for the first time at once there is one account', async (t) => {
  const account = newAccount()
  issuers.work.account = account
  const browsers = Array.from({ length: 10 }, () => new FederatedBrowser(app))
  const backs = await Promise.all(
    browsers.map(async (browser) => issuers.work.visit((await browser.begin('work')).url)),
  )
  const outcomes = await Promise.all(
    browsers.map(async (browser, index) =>
      outcomeOf(await browser.open(backs[index]!.pathname + backs[index]!.search)),
    ),
  )
  t.same(
    outcomes.map(({ error }) => error),
    Array.from({ length: 10 }, () => null),
  )
  t.equal((await db`SELECT 1 FROM users WHERE email = ${account.email ?? ''}`).length, 1)
})

t.test('a second factor is asked for as ever', async (t) => {
  const account = newAccount()
  const authenticator = await enrol(app, await sessionAt('work', account))
  const answer = await signInAt('work', account)
  t.match(answer, { status: 200, body: { mfaRequired: true, methods: ['totp', 'recovery_code'] } })
  t.notOk(answer.body['accessToken'])
  const code = await freshCode(app, authenticator)
  const { mfaToken } = answer.body
  const session = await api('POST', '/2fa/challenge', { body: { mfaToken, code } })
  t.match(claimsOf(session.body as unknown as Session), { amr: ['fed', 'otp', 'mfa'], aal: 2 })
})

t.test('in cookies, and for an app without any', async (t) => {
  const account = newAccount()
  const browser = new FederatedBrowser(app)
  const { code } = await visit(browser, 'work', account)
  const headers = { 'x-session-mode': 'cookie' }
  const inCookies = await browser.call('POST', '/oauth/exchange', { body: { code }, headers })
  t.match(inCookies, { status: 200, body: { user: { email: account.email } } })
  t.notOk(inCookies.body['accessToken'])
  t.equal((await browser.call('GET', '/me')).status, 200)

  const codeVerifier = randomBytes(32).toString('base64url')
  const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url')
  const system = new FederatedBrowser(app)
  const led = await visit(system, 'work', account, { returnTo, codeChallenge })
  const exchange = (body: object) => api('POST', '/oauth/exchange', { body: { code: led.code, ...body } })
  const cookie = system.cookieHeader()
  t.equal(
    (await api('POST', '/oauth/exchange', { body: { code: led.code }, headers: { cookie } })).status,
    400,
  )
  t.equal((await exchange({ codeVerifier: 'x'.repeat(43) })).status, 400)
  t.equal((await exchange({ codeVerifier })).status, 200)
})

t.test('what ends all sessions ends a sign-in that has not come back, too', async (t) => {
  const account = newAccount()
  const session = await sessionAt('work', account)
  const browser = new FederatedBrowser(app)
  const { code } = await visit(browser, 'work', account)
  await api('POST', '/logout-all', { token: session.accessToken })
  t.equal((await browser.call('POST', '/oauth/exchange', { body: { code } })).status, 400)
})

t.test('no way to be led anywhere else', async (t) => {
  const bad = [
    'https://evil.example/signed-in',
    'https://app.example.com.evil.example/signed-in',
    'https://app.example.com@evil.example/signed-in',
    'https://user:pass@app.example.com/signed-in',
    'https://app.example.com:444/signed-in',
    'http://app.example.com/signed-in',
    '//app.example.com/signed-in',
    '/signed-in',
    'https:app.example.com/signed-in',
    'https:\\\\app.example.com/signed-in',
    'https://app.example.com\\@evil.example/signed-in',
    'https://evil.example\\.app.example.com/signed-in',
    'javascript:alert(1)//https://app.example.com/signed-in',
    'data:text/html,x',
    'https://app.example.com/signed-in#fragment',
    'https://app.example.com/signed-in\r\nset-cookie: x=y',
    ' https://app.example.com/signed-in',
    'https://аpp.example.com/signed-in',
    'https://app.example.com./signed-in',
    'https://app.example.com%2eevil.example/signed-in',
    'https://app.example.com/',
    'https://app.example.com/signed-in-elsewhere',
    'https://app.example.com/signed-in/../open-redirect',
    'https://app.example.com/signed-in/%2e%2e/open-redirect',
    'https://app.example.com/signed-in/..%2fopen-redirect',
    'https://app.example.com/signed-in/%252e%252e/open-redirect',
    'x',
  ]
  const browser = new FederatedBrowser(app)
  for (const target of bad) {
    const answer = await browser.open(`/oauth/work?returnTo=${encodeURIComponent(target)}`)
    t.match(answer, { status: 400, body: { code: 'validation_failed' } }, target)
    t.notOk(answer.headers['location'], target)
  }
  for (const query of ['', '?returnTo=', `?returnTo=${returnTo}&returnTo=${returnTo}`, '?ticket=lkf_x'])
    t.equal((await browser.open(`/oauth/work${query}`)).status, 400, query)
  const { state } = await browser.begin('work', { returnTo: `${returnTo}/home?code=mine&error=x&kept=1` })
  const back = locationOf(await browser.comeBack('work', { error: 'access_denied', state }))
  t.equal(back.href, `${returnTo}/home?kept=1&error=identity_refused`)
})
