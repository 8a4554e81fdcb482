// Attacks: a provider, or whoever can talk like one, that signs people in as somebody else; an answer that is replayed, mixed up, of another
// browser or made up; and one that never ends.
import t from 'tap'
import { eventsOf, newPerson, signUp } from './support/accounts.js'
import { FederatedBrowser, outcomeOf, returnTo } from './support/federated-browser.js'
import { answerJson, openLyingIssuer } from './support/lying-issuer.js'
import { createTestApp } from './support/test-app.js'

const clientId = 'latchkey-test'
const clientSecret = 'a secret of the client, for nobody else'
const liar = await openLyingIssuer(t, clientId)
const other = await openLyingIssuer(t, clientId)
const provider = { clientId, clientSecret, scopes: ['openid', 'email'], trustEmail: true }
const app = await createTestApp(t, {
  oidcProviders: [
    { ...provider, id: 'liar', name: 'Liar', issuer: liar.issuer },
    { ...provider, id: 'other', name: 'Other', issuer: other.issuer },
    { ...provider, id: 'gone', name: 'Gone', issuer: 'http://127.0.0.1:1' },
  ],
  outboundAllowedNetworks: ['127.0.0.1'],
  returnToAllowed: [{ origin: 'https://app.example.com', path: '' }],
  allowedOrigins: ['https://app.example.com'],
})
const { api, db } = app

let subjects = 0
const newClaims = (nonce: string, email = newPerson().email) => {
  subjects += 1
  return { sub: `subject-${subjects}`, nonce, email, email_verified: true }
}
const countAll = async () => {
  const [row] = await db<{ users: number; identities: number; sessions: number }[]>`
    SELECT (SELECT count(*)::int FROM users) AS users, (SELECT count(*)::int FROM identities) AS identities,
      (SELECT count(*)::int FROM sessions) AS sessions`
  return row!
}

t.test('an honest answer signs in', async (t) => {
  const browser = new FederatedBrowser(app)
  const { url, state, nonce } = await browser.begin('liar')
  t.equal(url.origin + url.pathname, `${liar.issuer}/authorize`)
  t.match(Object.fromEntries(url.searchParams), {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: `${app.deps.config.publicUrl}/api/v1/auth/oauth/liar/callback`,
    scope: 'openid email',
    code_challenge_method: 'S256',
    code_challenge: /^[\w-]{43}$/,
    state: /^[\w-]{43}$/,
    nonce: /^[\w-]{43}$/,
  })
  liar.answersWith(await liar.sign(newClaims(nonce)))
  const { code } = outcomeOf(await browser.comeBack('liar', { code: 'of-provider', state }))
  t.match(code, /^lkf_[\w-]{43}$/)
  const asked = liar.asked.find(({ path }) => path === '/token')
  t.match(asked?.headers.authorization, /^Basic /)
  t.match(new URLSearchParams(asked?.body).get('code_verifier'), /^[\w-]{43}$/)
  const answer = await browser.call('POST', '/oauth/exchange', { body: { code, deviceName: 'Desk' } })
  t.match(answer, { status: 200, body: { tokenType: 'Bearer', user: { emailVerified: true } } })
})

t.test('no answer that does not hold', async (t) => {
  const now = Math.floor(Date.now() / 1000)
  type Lie = (claims: ReturnType<typeof newClaims>) => Promise<string>
  const unsigned: Lie = async (claims) => {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const payload = { iss: liar.issuer, aud: clientId, iat: now, exp: now + 60, ...claims }
    return `${encode({ alg: 'none', kid: 'honest' })}.${encode(payload)}.`
  }
  const lies: [why: string, lie: Lie][] = [
    ['another nonce', (claims) => liar.sign({ ...claims, nonce: 'x'.repeat(43) })],
    ['no nonce', (claims) => liar.sign({ ...claims, nonce: undefined })],
    ['another issuer', (claims) => liar.sign({ ...claims, iss: other.issuer })],
    ['another audience', (claims) => liar.sign({ ...claims, aud: 'somebody else' })],
    ['two audiences, for the other', (claims) => liar.sign({ ...claims, aud: [clientId, 'x'], azp: 'x' })],
    ['two audiences, for nobody', (claims) => liar.sign({ ...claims, aud: [clientId, 'x'] })],
    ['made for another client', (claims) => liar.sign({ ...claims, azp: 'somebody else' })],
    ['expired', (claims) => liar.sign({ ...claims, iat: now - 600, exp: now - 300 })],
    ['not valid yet', (claims) => liar.sign({ ...claims, nbf: now + 300 })],
    ['no subject', (claims) => liar.sign({ ...claims, sub: undefined })],
    ['an empty subject', (claims) => liar.sign({ ...claims, sub: '' })],
    ['a subject of 256', (claims) => liar.sign({ ...claims, sub: 'x'.repeat(256) })],
    ['a subject with a null', (claims) => liar.sign({ ...claims, sub: 'x\u0000y' })],
    ['no signature', unsigned],
    ['HMAC with the client secret', (claims) => liar.signByHmac(claims, Buffer.from(clientSecret))],
    ['HMAC with the public key', (claims) => liar.signByHmac(claims, 'public key')],
    ['another key under a known name', (claims) => liar.signByStranger(claims)],
    ['a key that is not there', (claims) => liar.sign(claims, { alg: 'ES256', kid: 'unknown' })],
    ['a signature that was changed', async (claims) => `${(await liar.sign(claims)).slice(0, -8)}AAAAAAAA`],
  ]
  const before = await countAll()
  for (const [why, lie] of lies) {
    const browser = new FederatedBrowser(app)
    const { state, nonce } = await browser.begin('liar')
    liar.answersWith(await lie(newClaims(nonce)))
    const seen = (await eventsOf(app)).length
    const answer = await browser.comeBack('liar', { code: 'of-provider', state })
    t.same(outcomeOf(answer), { code: null, error: 'identity_refused' }, why)
    t.match(
      (await eventsOf(app)).slice(seen),
      [{ type: 'login.failed', data: { method: 'oauth', provider: 'liar', reason: /^[\w]+$/ } }],
      why,
    )
    t.equal((await browser.comeBack('liar', { code: 'of-provider', state })).status, 400, `${why}: used up`)
  }
  t.same(await countAll(), before)
})

t.test('what the provider says is wrong, and what it says it is', async (t) => {
  const errors: [parameters: Record<string, string>, error: string][] = [
    [{ error: 'access_denied' }, 'identity_refused'],
    [{ error: 'server_error' }, 'provider_unavailable'],
    [{ error: 'temporarily_unavailable' }, 'provider_unavailable'],
    [{ error: '<script>alert(1)</script>', error_description: 'x' }, 'identity_refused'],
    [{ iss: other.issuer, code: 'x' }, 'identity_refused'],
    [{}, 'identity_refused'],
  ]
  for (const [parameters, error] of errors) {
    const browser = new FederatedBrowser(app)
    const { state } = await browser.begin('liar')
    const answer = await browser.comeBack('liar', { ...parameters, state })
    t.same(outcomeOf(answer), { code: null, error }, JSON.stringify(parameters))
  }
  const browser = new FederatedBrowser(app)
  const { state } = await browser.begin('liar')
  liar.lies.set('/token', answerJson({ error: 'invalid_grant' }, 400))
  t.same(outcomeOf(await browser.comeBack('liar', { code: 'replayed', state })).error, 'identity_refused')
})

t.test('a provider that promises its name in its answers gives it', async (t) => {
  other.metadata['authorization_response_iss_parameter_supported'] = true
  for (const [iss, error] of [
    [{}, 'identity_refused'],
    [{ iss: liar.issuer }, 'identity_refused'],
    [{ iss: other.issuer }, null],
  ] as const) {
    const browser = new FederatedBrowser(app)
    const { state, nonce } = await browser.begin('other')
    other.answersWith(await other.sign(newClaims(nonce)))
    t.equal(outcomeOf(await browser.comeBack('other', { code: 'x', state, ...iss })).error, error)
  }
})

t.test('an answer is only for the browser, the provider and the time that it was asked for', async (t) => {
  const before = await countAll()
  const browser = new FederatedBrowser(app)
  const { state, nonce } = await browser.begin('liar')
  liar.answersWith(await liar.sign(newClaims(nonce)))
  other.answersWith(await other.sign(newClaims(nonce)))
  const stranger = new FederatedBrowser(app)
  await stranger.begin('liar')
  const tries: [why: string, from: FederatedBrowser, at: string, parameters: Record<string, string>][] = [
    ['another browser', stranger, 'liar', { code: 'x', state }],
    ['a browser without the cookie', new FederatedBrowser(app), 'liar', { code: 'x', state }],
    ['another provider', browser, 'other', { code: 'x', state }],
    ['no state', browser, 'liar', { code: 'x' }],
    ['a state that was made up', browser, 'liar', { code: 'x', state: 'A'.repeat(43) }],
    ['a state that cannot be', browser, 'liar', { code: 'x', state: "'; DROP TABLE users; --" }],
  ]
  for (const [why, from, at, parameters] of tries) {
    const seen = (await eventsOf(app)).length
    const answer = await from.comeBack(at, parameters)
    t.equal(answer.status, 400, why)
    t.match(answer.headers, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': /^default-src 'none'/,
      'cache-control': 'no-store',
    })
    t.match((await eventsOf(app)).slice(seen), [{ type: 'login.failed', data: { reason: 'invalid_state' } }])
  }
  t.equal((await browser.open(`/oauth/liar/callback?code=x&state=${state}&state=${state}`)).status, 400)
  t.equal((await browser.comeBack('nobody', { code: 'x', state })).status, 404)
  await db`UPDATE federation_steps SET expires_at = now() - interval '1 second' WHERE provider = 'liar'`
  t.equal((await browser.comeBack('liar', { code: 'x', state })).status, 400, 'after ten minutes')
  await db`UPDATE federation_steps SET expires_at = now() + interval '1 second' WHERE provider = 'liar'`
  t.equal(outcomeOf(await browser.comeBack('liar', { code: 'x', state })).error, null, 'none has harmed it')
  t.same(await countAll(), { ...before, users: before.users + 1, identities: before.identities + 1 })
})

t.test(
  'of 20 answers with one state one is looked at, of 20 exchanges of one code one opens a session',
  async (t) => {
    const browser = new FederatedBrowser(app)
    const { state, nonce } = await browser.begin('liar')
    liar.answersWith(await liar.sign(newClaims(nonce)))
    const asked = liar.asked.filter(({ path }) => path === '/token').length
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => browser.comeBack('liar', { code: 'x', state })),
    )
    const [led, ...more] = answers.filter(({ status }) => status === 303)
    t.equal(more.length, 0)
    t.equal(liar.asked.filter(({ path }) => path === '/token').length, asked + 1)
    const { code } = outcomeOf(led!)
    const sessions = await Promise.all(
      Array.from({ length: 20 }, () => browser.call('POST', '/oauth/exchange', { body: { code } })),
    )
    t.equal(sessions.filter(({ status }) => status === 200).length, 1)
    t.equal(sessions.filter(({ body }) => body['code'] === 'one_time_token_invalid').length, 19)
  },
)

t.test('a code is only for who began, and only for a minute', async (t) => {
  const browser = new FederatedBrowser(app)
  const { state, nonce } = await browser.begin('liar')
  liar.answersWith(await liar.sign(newClaims(nonce)))
  const { code } = outcomeOf(await browser.comeBack('liar', { code: 'x', state }))
  const stranger = new FederatedBrowser(app)
  await stranger.begin('liar')
  const refused = { status: 400, body: { code: 'one_time_token_invalid' } }
  t.match(await stranger.call('POST', '/oauth/exchange', { body: { code } }), refused)
  t.match(await api('POST', '/oauth/exchange', { body: { code } }), refused)
  t.match(await api('POST', '/oauth/exchange', { body: { code, codeVerifier: 'x'.repeat(43) } }), refused)
  t.match(await browser.call('POST', '/oauth/exchange', { body: { code: `${code}x` } }), refused)
  t.match(await browser.call('POST', '/oauth/exchange', { body: { code: state } }), refused)
  await db`UPDATE federation_steps SET expires_at = now() - interval '1 second' WHERE step = 'code'`
  t.match(await browser.call('POST', '/oauth/exchange', { body: { code } }), refused)
  await db`UPDATE federation_steps SET expires_at = now() + interval '1 minute' WHERE step = 'code'`
  t.equal((await browser.call('POST', '/oauth/exchange', { body: { code } })).status, 200)
})

t.test('a provider that is away, or talks nonsense, is told of, and the rest goes on', async (t) => {
  const browser = new FederatedBrowser(app)
  const gone = await browser.open(`/oauth/gone?returnTo=${encodeURIComponent(returnTo)}`)
  t.same(outcomeOf(gone), { code: null, error: 'provider_unavailable' })
  await signUp(app, { email: newPerson().email })

  const answers: [why: string, say: Parameters<typeof liar.lies.set>[1]][] = [
    ['no JSON', (_request, response) => void response.end('<html>')],
    ['an error of a proxy', answerJson({ message: 'Bad Gateway' }, 502)],
    ['a wrong client secret', answerJson({ error: 'invalid_client' }, 401)],
    [
      'elsewhere',
      (_request, response) => void response.writeHead(302, { location: `${other.issuer}/token` }).end(),
    ],
    ['more than it may', answerJson({ padding: 'x'.repeat(300_000) })],
    [
      'a token that is none',
      answerJson({ access_token: 'x', token_type: 'Bearer', id_token: 'not.a.token' }),
    ],
    ['nothing, and hangs up', (_request, response) => void response.destroy()],
  ]
  for (const [why, say] of answers) {
    const { state } = await browser.begin('liar')
    liar.lies.set('/token', say)
    const answer = await browser.comeBack('liar', { code: 'x', state })
    t.same(outcomeOf(answer), { code: null, error: 'provider_unavailable' }, why)
  }
})

t.test('nor does one hold us up that never comes to an end', async (t) => {
  const browser = new FederatedBrowser(app)
  const { state } = await browser.begin('liar')
  liar.lies.set('/token', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const drip = setInterval(() => response.write(' '), 50)
    response.on('close', () => clearInterval(drip))
  })
  const answer = await browser.comeBack('liar', { code: 'x', state })
  t.same(outcomeOf(answer), { code: null, error: 'provider_unavailable' })
})
