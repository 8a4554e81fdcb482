// Attack: getting past the guard by the shape of the header, by what was remembered, or by taking a store away.
// Alone: its tests run side by side.
import { startPrivateRedis } from '@latchkey/devstack/testing/private-servers'
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import { buildApp } from '@latchkey/auth-api/app'
import { createForge } from './support/forged-tokens.js'
import { logIn, newEmail, register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

t.jobs = 3 // two of these wait for a clock, with an app of their own
const shared = await createTestApp(t)

t.test('the Authorization header', async (t) => {
  const { app, api } = shared
  const { accessToken } = await register(app)
  const codeFor = async (headers: Record<string, string>): Promise<unknown> => {
    const { status, body } = await api('GET', '/me', { headers })
    return status === 200 ? 'accepted' : body['code']
  }

  t.equal(await codeFor({ authorization: `Bearer ${accessToken}` }), 'accepted')
  t.equal(
    await codeFor({ authorization: `bearer ${accessToken}` }),
    'accepted',
    'schemes have no case (RFC 9110, 11.1)',
  )
  t.equal(await codeFor({}), 'token_missing')
  const malformed = [
    '',
    'Bearer',
    'Bearer ',
    `Bearer  ${accessToken}`,
    `Bearer\t${accessToken}`,
    `Bearer ${accessToken} `.trimEnd() + ' x',
    `Bearer ${accessToken},Bearer ${accessToken}`,
    `Bearer ${accessToken}, ${accessToken}`,
    `Bearer "${accessToken}"`,
    `Basic ${accessToken}`,
    `Token ${accessToken}`,
    accessToken,
    `Bearer ${'x'.repeat(5000)}`,
    'Bearer null',
    'Bearer undefined',
    'Bearer [object Object]',
  ]
  for (const authorization of malformed) {
    t.equal(await codeFor({ authorization }), 'token_invalid', authorization.slice(0, 30))
  }
  for (const headers of [
    { cookie: `__Host-lk_at=${accessToken}; access_token=${accessToken}` },
    { 'x-access-token': accessToken },
    { 'proxy-authorization': `Bearer ${accessToken}` },
  ]) {
    t.equal(await codeFor(headers), 'token_missing', Object.keys(headers).join())
  }
})

t.test(
  'a refusal names its challenge, and a token once accepted is no password for another route',
  async (t) => {
    const { app, api } = shared
    await register(app)
    const none = await api('GET', '/me')
    t.match(none, { status: 401, headers: { 'www-authenticate': 'Bearer', 'cache-control': 'no-store' } })
    const bad = await api('GET', '/me', { token: 'x' })
    t.match(bad, { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
  },
)

t.test('a bad bearer never counts as none where a bearer is optional', async (t) => {
  const { app, api } = shared
  const { refreshToken } = await register(app)
  const answer = await api('POST', '/logout', { token: 'not-a-token', body: { refreshToken } })
  t.match(answer, { status: 401, body: { code: 'token_invalid' } })
  t.equal((await api('POST', '/refresh', { body: { refreshToken } })).status, 200, 'the session lives')
})

t.test('a remembered token ends with its session, its time and its key', async (t) => {
  const { app, api, db, deps } = await createTestApp(t)
  const email = newEmail()
  const first = await register(app, email)
  const second = (await logIn(app, email)).body
  const codeFor = async (token: string): Promise<unknown> => {
    const { status, body } = await api('GET', '/me', { token })
    return status === 200 ? 'accepted' : body['code']
  }

  for (const token of [first.accessToken, first.accessToken, second.accessToken]) {
    t.equal(await codeFor(token), 'accepted')
  }
  const { values } = await deps.metrics.cacheHitsTotal.get()
  t.match(values, [{ labels: { cache_type: 'access_token' }, value: 1 }], 'one was remembered')

  await api('DELETE', `/sessions/${first.sessionId}`, { token: second.accessToken })
  t.equal(await codeFor(first.accessToken), 'session_revoked')
  t.equal(await codeFor(second.accessToken), 'accepted', 'the other device goes on')

  const forge = createForge(deps, second.accessToken)
  const inAMoment = Math.floor(Date.now() / 1000) - 29
  const brief = forge.signed(forge.header, { ...forge.payload, exp: inAMoment })
  t.equal(await codeFor(brief), 'accepted', 'within the leeway')
  await waitFor(async () => (await codeFor(brief)) === 'token_expired', { what: 'the leeway to end' })

  await db`DELETE FROM signing_keys`
  await waitFor(async () => (await codeFor(second.accessToken)) === 'token_invalid', {
    what: 'the withdrawn key to be noticed',
    deadlineMs: 10_000,
  })
})

t.test(
  'without Redis the answer comes from PostgreSQL; without both there is none, and no access',
  async (t) => {
    const redis = await startPrivateRedis(t)
    const { app, api, deps, database } = await createTestApp(t, { redisUrl: redis.url })
    await waitFor(() => deps.redis.isAvailable(), { what: 'Redis' })
    const email = newEmail()
    const ended = await register(app, email)
    const living = (await logIn(app, email)).body
    const outcome = async (token: string): Promise<unknown> => {
      const { status, body } = await api('GET', '/sessions', { token })
      return status === 200 ? 'accepted' : body['code']
    }
    t.equal(await outcome(living.accessToken), 'accepted')
    t.equal(await outcome(ended.accessToken), 'accepted')

    await redis.kill()
    await waitFor(() => !deps.redis.isAvailable(), { what: 'Redis to be gone' })
    await api('POST', '/logout', { token: ended.accessToken })
    t.equal(await outcome(ended.accessToken), 'session_revoked')
    t.equal(await outcome(living.accessToken), 'accepted')

    await database.drop()
    const { status, headers } = await api('GET', '/sessions', { token: living.accessToken })
    t.equal(status, 503, 'a store that is away is never an open door, and never the end of a session')
    t.ok(Number(headers['retry-after']) >= 1)
  },
)

t.test(
  'Redis is asked for revocation and limit together, and a refused request drops the answer',
  async (t) => {
    const { app, api, deps } = shared
    const { accessToken } = await register(app)
    const order: string[] = []
    let isOver = false
    const watched = await buildApp({
      ...deps,
      revocations: {
        ...deps.revocations,
        check: (sessionId, generation) => {
          order.push('check asked')
          if (isOver) return Promise.reject(new Error('the store went away'))
          return deps.revocations.check(sessionId, generation)
        },
      },
      limits: {
        ...deps.limits,
        hit: async () => {
          order.push('limit asked')
          const answer = await deps.limits.hit('generalAddress', '192.0.2.1')
          order.push('limit answered')
          return isOver ? { count: Number.MAX_SAFE_INTEGER, resetMs: 1000 } : answer
        },
      },
    })
    t.teardown(() => watched.close())
    const call = async (): Promise<number> => {
      const headers = { authorization: `Bearer ${accessToken}` }
      return (await watched.inject({ url: '/api/v1/auth/me', headers })).statusCode
    }

    t.equal(await call(), 200, 'the first time the token has to be verified')
    t.same(order.splice(0), ['limit asked', 'limit answered', 'check asked'])
    t.equal(await call(), 200)
    t.same(order.splice(0), ['check asked', 'limit asked', 'limit answered'])

    isOver = true
    t.equal(
      await call(),
      429,
      'and the failed check hurts nobody: an unhandled rejection would end this test',
    )
    t.same(order.splice(0), ['check asked', 'limit asked', 'limit answered'])
    t.equal((await api('GET', '/me', { token: accessToken })).status, 200)
  },
)
