// Attack: a request that takes the access token elsewhere, is sent as somebody else, or is sent twice.
// Alone: it holds the clock.
import { createClient, LatchkeyError, memoryStore } from '@latchkey/client'
import { changeMe, getMe, login, signOutEverywhere, stepUp } from '@latchkey/client/routes'
import t from 'tap'
import { fakeServer, json, problem, session, user } from './support/fake-server.js'
import { holdTime, keysOf, minute, orders, pass, refreshes, signedIn } from './support/held-time.js'

holdTime(t)

t.test('fetch', async (t) => {
  await t.test('sends the token to nobody who is not named', async (t) => {
    const { client, server } = await signedIn(t)
    for (const url of [
      'https://evil.example/',
      'https://api.example.com.evil.example/',
      'http://api.example.com/',
    ])
      await t.rejects(client.fetch(url), TypeError, url)
    t.equal(server.sent.length, 0)
  })

  await t.test('refreshes on a 401 and repeats once, with what can be repeated', async (t) => {
    const { client, server } = await signedIn(t)
    await pass(2 * minute)
    server.replies['/orders'] = ({ headers }) =>
      headers['authorization'] === 'Bearer access-0' ? json(401, {}) : json(200, {})
    t.equal((await client.fetch(orders, { method: 'POST', body: 'an order' })).status, 200)
    t.same(
      server.sent.map(({ body }) => (typeof body === 'string' ? body : 'refresh')),
      ['an order', 'refresh', 'an order'],
    )
  })

  for (const [name, input, init] of [
    ['a stream', orders, { method: 'POST', body: new ReadableStream() }],
    ['a request with a body', new Request(orders, { method: 'POST', body: 'an order' }), {}],
  ] as const) {
    await t.test(`does not repeat ${name}`, async (t) => {
      const { client, server } = await signedIn(t)
      await pass(2 * minute)
      server.replies['/orders'] = () => json(401, {})
      t.equal((await client.fetch(input, init)).status, 401)
      t.equal(server.sent.filter(({ url }) => url === orders).length, 1)
      t.equal(await client.accessToken(), 'access-1', 'but the next one goes well')
    })
  }

  await t.test('does not refresh for a server that refuses everybody', async (t) => {
    const { client, server } = await signedIn(t)
    server.replies['/orders'] = () => json(401, {})
    for (let times = 0; times < 20; times += 1) t.equal((await client.fetch(orders)).status, 401)
    t.equal(refreshes(server.sent).length, 0)
  })

  await t.test('asks the server itself when Latchkey says that the session has ended', async (t) => {
    const { client, server } = await signedIn(t)
    server.replies['/me'] = () => problem(401, 'session_revoked')
    server.replies['/refresh'] = () => problem(401, 'refresh_token_invalid')
    await t.rejects(getMe(client), { code: 'signed_out' })
    t.equal(client.session, null)
  })

  await t.test('leaves other 401s of Latchkey alone', async (t) => {
    const { client, server } = await signedIn(t)
    server.replies['/change-password'] = () => problem(401, 'invalid_credentials')
    const answer = await client.fetch('https://auth.example.com/api/v1/auth/change-password', {
      method: 'POST',
    })
    t.equal(answer.status, 401)
    t.equal(server.sent.length, 1)
  })
})

t.test('routes', async (t) => {
  await t.test('throw what the server says', async (t) => {
    const { client, server } = await signedIn(t)
    server.replies['/login'] = () => problem(429, 'too_many_attempts', { 'retry-after': '900' })
    const error = await login(client, { email: user.email, password: 'x' }).catch((reason: unknown) => reason)
    t.ok(error instanceof LatchkeyError)
    t.match(error, {
      code: 'too_many_attempts',
      status: 429,
      retryAfterMs: 900_000,
      problem: { errorId: 'e' },
    })
  })

  await t.test('a second factor that is due is answered, and signs nobody in', async (t) => {
    const { client, server } = await signedIn(t)
    await client.signOut()
    server.replies['/login'] = () =>
      json(200, { mfaRequired: true, mfaToken: 'lkm_1', methods: ['totp'], expiresIn: 300 })
    t.match(await login(client, { email: user.email, password: 'x' }), {
      mfaRequired: true,
      mfaToken: 'lkm_1',
    })
    t.equal(client.session, null)
  })

  await t.test('a step-up renews the access token and nothing else', async (t) => {
    const { client, server } = await signedIn(t)
    server.replies['/step-up'] = () => json(200, { ...session(0), accessToken: 'access-fresh' })
    await stepUp(client, { password: 'violet kettle orbits slowly' })
    t.equal(await client.accessToken(), 'access-fresh')
  })

  await t.test('signing out everywhere signs out here', async (t) => {
    const { client, server } = await signedIn(t)
    server.replies['/logout-all'] = () => json(200, { revoked: 2 })
    t.same(await signOutEverywhere(client), { revoked: 2 })
    t.equal(client.session, null)
  })
})

t.test('in cookies', async (t) => {
  const cookieSession = () => {
    const { token: _, accessToken: __, refreshToken: ___, tokenType: ____, ...rest } = session(0)
    return json(200, rest)
  }

  await t.test(
    'no token is kept, changes carry the CSRF token, and a stale one is fetched anew',
    async (t) => {
      const store = memoryStore()
      let csrf = 0
      const server = fakeServer({
        '/csrf-token': () => json(200, { csrfToken: `csrf-${(csrf += 1)}` }),
        '/login': cookieSession,
        '/refresh': cookieSession,
        '/me': ({ headers, method }) =>
          method === 'PATCH' && headers['x-csrf-token'] === 'csrf-2'
            ? problem(403, 'csrf_invalid')
            : json(200, user),
        '/logout': () => json(204, null),
      })
      const client = createClient({
        url: 'https://auth.example.com',
        store,
        cookies: true,
        fetch: server.fetch,
      })
      await login(client, { email: user.email, password: 'violet kettle orbits slowly' })
      t.match(server.sent.at(-1)?.headers, { 'x-session-mode': 'cookie', 'x-csrf-token': 'csrf-1' })
      t.match(JSON.parse((await store.read()) ?? ''), { accessToken: null, refreshToken: null })
      t.equal(await client.accessToken(), null)
      await changeMe(client, { name: 'Ada' })
      t.equal(csrf, 3)
      await client.fetch('https://auth.example.com/api/v1/auth/me', {
        method: 'PATCH',
        body: '{"name":"Ada"}',
      })
      t.equal(server.sent.at(-1)?.headers['x-csrf-token'], 'csrf-3')
      await pass(16 * minute)
      await getMe(client)
      t.equal(keysOf(server.sent).length, 1)
      t.equal(await client.signOut(), true)
    },
  )
})
