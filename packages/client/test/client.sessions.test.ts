// Property: nobody is signed out by a network, a proxy, a sleep or another tab.
// Alone: it holds the clock.
import { createClient, memoryStore, type SessionStore } from '@latchkey/client'
import { changeMe, getMe, login } from '@latchkey/client/routes'
import t from 'tap'
import { fakeServer, json, problem, session, user } from './support/fake-server.js'
import {
  answersWell,
  holdTime,
  keysOf,
  minute,
  orders,
  outlast,
  pass,
  refreshes,
  rotationOf,
  settle,
  signedIn,
} from './support/held-time.js'

holdTime(t)

t.test('a session', async (t) => {
  await t.test('begins with a sign-in that tells no tokens, and ends with a sign-out', async (t) => {
    const { client, server } = await signedIn(t)
    const told: string[] = []
    client.onChange(({ change, reason }) => told.push(`${change} ${reason}`))
    t.match(client.session, { id: 's1', user: { email: user.email } })
    const answer = await login(client, { email: user.email, password: 'violet kettle orbits slowly' })
    t.notMatch(JSON.stringify(answer), /access-|lk1/)
    t.equal(await client.signOut(), true)
    t.equal(client.session, null)
    t.same(told, ['signed_in sign_in', 'signed_out sign_out'])
    t.match(server.sent.at(-1), { url: /logout$/, body: { refreshToken: 'lk1.s1.0' } })
    await t.rejects(client.fetch(orders), { code: 'signed_out' })
    await t.rejects(client.accessToken(), { code: 'signed_out' })
  })

  await t.test('is refreshed once, whoever asks', async (t) => {
    const { client, server } = await signedIn(t)
    await pass(16 * minute)
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.fetch(orders)))
    t.ok(answers.every(({ ok }) => ok))
    t.equal(refreshes(server.sent).length, 1)
    t.equal(server.sent.at(-1)?.headers['authorization'], 'Bearer access-1')
  })

  await t.test('is refreshed behind a request in the last minute of its token', async (t) => {
    const { client, server } = await signedIn(t)
    await pass(14.5 * minute)
    await client.fetch(orders)
    await settle()
    t.match(
      server.sent.map(({ headers }) => headers['authorization']),
      ['Bearer access-0', undefined],
    )
    t.equal(await client.accessToken(), 'access-1')
  })

  await t.test('keeps token and key through lost answers, a server that fails, and a proxy', async (t) => {
    const { client, server } = await signedIn(t)
    await pass(16 * minute)
    const bad = [
      () => Promise.reject(new TypeError('network')),
      () => json(502, 'bad gateway'),
      () => problem(503, 'unavailable', { 'retry-after': '1' }),
      () => json(401, { error: 'this is a hotel' }),
      () => json(200, '<html>welcome</html>'),
      () => problem(400, 'validation_failed'),
      () => problem(401, 'token_invalid'),
      () => problem(429, 'rate_limited', { 'retry-after': new Date(Date.now() + 60_000).toUTCString() }),
    ]
    for (const reply of bad) {
      server.replies['/refresh'] = reply
      await t.rejects(outlast(client.fetch(orders)), { code: 'network' })
      t.ok(client.session, 'nobody is signed out')
      await pass(61 * minute)
    }
    t.equal(new Set(keysOf(server.sent)).size, 1, 'one key')
    t.ok(keysOf(server.sent).length > bad.length)
    t.same([...new Set(refreshes(server.sent).map(rotationOf))], [0])
    server.replies['/refresh'] = answersWell['/refresh']
    t.ok((await client.fetch(orders)).ok)
    t.equal(await client.accessToken(), 'access-1')
    await pass(16 * minute)
    await client.fetch(orders)
    t.equal(new Set(keysOf(server.sent)).size, 2, 'the next token has the next key')
  })

  await t.test('waits as long as the server says, and tells how long', async (t) => {
    const { client, server } = await signedIn(t)
    await pass(16 * minute)
    server.replies['/refresh'] = () => problem(429, 'rate_limited', { 'retry-after': '120' })
    await t.rejects(outlast(client.fetch(orders)), { code: 'network', retryAfterMs: 120_000 })
    await t.rejects(client.fetch(orders), { code: 'network' })
    t.equal(refreshes(server.sent).length, 1)
    server.replies['/refresh'] = answersWell['/refresh']
    await pass(120_000)
    t.ok((await client.fetch(orders)).ok)
  })

  await t.test('gives an answer up that never comes', async (t) => {
    const { client, server } = await signedIn(t)
    await pass(16 * minute)
    server.replies['/refresh'] = (_, signal) =>
      new Promise((__, fail) => {
        signal?.addEventListener('abort', () => fail(new Error('aborted')))
      })
    await t.rejects(outlast(client.fetch(orders)), { code: 'network' })
    t.ok(client.session)
  })

  for (const [code, reason] of [
    ['refresh_token_invalid', 'ended'],
    ['refresh_token_reused', 'reused'],
  ] as const) {
    await t.test(`ends with 401 ${code}`, async (t) => {
      const store = memoryStore()
      const { client, server } = await signedIn(t, { store })
      const told: unknown[] = []
      client.onChange((event) => told.push(event))
      await pass(16 * minute)
      server.replies['/refresh'] = () => problem(401, code)
      await t.rejects(client.fetch(orders), { code: 'signed_out' })
      t.same(told, [{ change: 'signed_out', reason, session: null }])
      t.equal(await store.read(), null)
    })
  }

  await t.test('is over with a sign-out during a refresh, and its fresh token is revoked', async (t) => {
    const store = memoryStore()
    const { client, server } = await signedIn(t, { store })
    await pass(16 * minute)
    let answer = (): void => undefined
    server.replies['/refresh'] = (request) =>
      new Promise((resolve) => {
        answer = () => resolve(json(200, session(rotationOf(request) + 1)))
      })
    const waiting = client.fetch(orders)
    waiting.catch(() => undefined)
    await settle()
    t.equal(await client.signOut(), true)
    await t.rejects(waiting, { code: 'signed_out' })
    answer()
    await settle()
    t.equal(client.session, null)
    t.equal(await store.read(), null)
    t.match(server.sent.slice(-2), [
      { url: /logout$/, body: { refreshToken: 'lk1.s1.0' } },
      { url: /logout$/, body: { refreshToken: 'lk1.s1.1' } },
    ])
  })

  await t.test('is over here at once when the server is out of reach, which is told', async (t) => {
    const { client, server } = await signedIn(t)
    server.replies['/logout'] = () => Promise.reject(new TypeError('network'))
    const ending = client.signOut()
    await settle()
    t.equal(client.session, null)
    t.equal(await outlast(ending), false)
    t.equal(server.sent.length, 3)
  })

  await t.test('is there after a start without a network', async (t) => {
    const store = memoryStore()
    await signedIn(t, { store })
    await pass(30 * minute)
    const offline = createClient({
      url: 'https://auth.example.com/',
      store,
      fetch: () => Promise.reject(new TypeError('network')),
    })
    await offline.ready
    t.match(offline.session, { user: { email: user.email } })
    await t.rejects(outlast(getMe(offline)), { code: 'network' })
    t.ok(offline.session)
  })

  await t.test('goes on in memory when the store fails, and begins without it', async (t) => {
    const broken: SessionStore = {
      read: () => Promise.reject(new Error('locked')),
      write: () => Promise.reject(new Error('full')),
    }
    const { client } = await signedIn(t, { store: broken })
    await pass(16 * minute)
    t.ok((await client.fetch(orders)).ok)
  })

  await t.test('is not begun by what is no record', async (t) => {
    for (const text of ['', 'null', '{}', 'not json', '{"sessionId":1}']) {
      const store = memoryStore()
      await store.write(text)
      const client = createClient({ url: 'https://auth.example.com', store, fetch: fakeServer({}).fetch })
      await client.ready
      t.equal(client.session, null, text)
    }
  })
})

t.test('two that share a store', async (t) => {
  const sharedStore = () => {
    const listeners = new Set<() => void>()
    const store = memoryStore()
    return {
      ...store,
      async write(text: string | null) {
        await store.write(text)
        for (const listener of listeners) listener()
      },
      watch(listener: () => void) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    }
  }

  await t.test('sign in, refresh and sign out together', async (t) => {
    const store = sharedStore()
    const { client, server } = await signedIn(t, { store })
    const other = createClient({
      url: 'https://auth.example.com',
      store,
      resourceOrigins: ['https://api.example.com'],
      fetch: server.fetch,
    })
    const told: string[] = []
    other.onChange(({ change, reason }) => told.push(`${change} ${reason}`))
    await other.ready
    await pass(16 * minute)
    await client.fetch(orders)
    await other.fetch(orders)
    t.equal(refreshes(server.sent).length, 1)
    await changeMe(client, { name: 'Ada' })
    await client.signOut()
    await settle()
    t.equal(other.session, null)
    t.same(told, [
      'signed_in restored',
      'refreshed elsewhere',
      'user_changed elsewhere',
      'signed_out elsewhere',
    ])
  })

  await t.test('send nothing of one user as another', async (t) => {
    const store = sharedStore()
    const { client, server } = await signedIn(t, { store })
    const other = createClient({ url: 'https://auth.example.com', store, fetch: server.fetch })
    const grace = { ...user, id: '01900000-0000-7000-8000-00000000000b' }
    server.replies['/login'] = () => json(200, session(0, 's2', grace))
    server.replies['/orders'] = async () => {
      await login(other, { email: 'grace@example.com', password: 'violet kettle orbits slowly' })
      await settle()
      return json(401, {})
    }
    await t.rejects(client.fetch(orders), { code: 'session_changed' })
    t.equal(client.session?.id, 's2')
    t.equal(server.sent.filter(({ url }) => url === orders).length, 1)
  })
})
