// Attack: more attempts by another spelling of the path, the address or the method.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { startPrivateRedis } from '@latchkey/devstack/testing/private-servers'
import { waitFor } from '@latchkey/devstack/wait-for'
import type { Config } from '@latchkey/platform/config/config'
import type { Database } from '@latchkey/platform/database/client'
import type { Deps } from '../src/deps.js'
import { PersistSecurityEventsPayload } from '@latchkey/contracts/queues'
import t, { type Test } from 'tap'
import { Compile } from 'typebox/compile'
import { newEmail, password, register } from './support/session-driver.js'
import { createTestApp, type ApiAnswer, type TestApp } from './support/test-app.js'

const perMinute = (max: number): { max: number; windowSeconds: number } => ({ max, windowSeconds: 60 })
const statuses = (answers: readonly ApiAnswer[]): number[] => answers.map(({ status }) => status)
const unknown = { email: 'nobody@example.com', password }

const PersistSecurityEvents = Compile(PersistSecurityEventsPayload)

/** Events may still be on their way through the queue, or in the outbox: both are looked at. */
async function reportedLimits(deps: Deps, db: Database): Promise<unknown[]> {
  await deps.events.whenIdle()
  const jobs = await deps.eventQueue.getJobs(['waiting'])
  const queued = jobs.flatMap(({ data }) => PersistSecurityEvents.Parse(data).events)
  const kept = await db<{ type: string; data: Record<string, unknown> }[]>`SELECT type, data FROM outbox`
  return [...queued, ...kept]
    .filter(({ type }) => type === 'rate_limit.exceeded')
    .map(({ data }) => data['limit'])
}

t.test('limits by address', async (t) => {
  const database = await createTestDatabase(t)
  const start = (t: Test, settings: Partial<Config> = {}): Promise<TestApp> =>
    createTestApp(t, settings, { database })

  await t.test('a limit is told before, at and after its end', async (t) => {
    const { api } = await start(t, { limitGeneralAddress: perMinute(2) })
    const first = await api('GET', '/me')
    t.match(first, {
      status: 401,
      headers: { 'ratelimit-limit': '2', 'ratelimit-remaining': '1', 'ratelimit-reset': '60' },
    })
    t.match(await api('GET', '/me'), { status: 401, headers: { 'ratelimit-remaining': '0' } })
    const refused = await api('GET', '/me')
    t.match(refused, {
      status: 429,
      body: { code: 'rate_limited' },
      headers: {
        'ratelimit-limit': '2',
        'ratelimit-remaining': '0',
        'content-type': 'application/problem+json; charset=utf-8',
      },
    })
    const after = Number(refused.headers['retry-after'])
    t.ok(after >= 58 && after <= 60, `Retry-After ${after}`)
    t.equal((await api('GET', '/me', { ip: '203.0.113.9' })).status, 401, 'another address')
  })

  await t.test('both prefixes and every spelling of a path are one', async (t) => {
    const { app } = await start(t, {
      limitLoginAddress: perMinute(6),
      limitGeneralAddress: perMinute(1000),
    })
    const spellings = [
      '/api/v1/auth/login',
      '/api/auth/login',
      '/api/v1/auth/%6Cogin',
      '/api/v1/auth/%6c%6f%67in',
      '/%61pi/auth/login',
      '/api/auth/login?',
      '/api/auth/login#x',
    ]
    const answers = []
    for (const url of spellings)
      answers.push((await app.inject({ method: 'POST', url, payload: unknown })).statusCode)
    t.same(answers, [401, 401, 401, 401, 401, 401, 429])
    for (const path of [
      '/api/auth/login/',
      '/api/auth//login',
      '/API/auth/login',
      '/api/auth/Login',
      '/api/auth/login;x',
    ]) {
      const answer = await app.inject({ method: 'POST', url: path, payload: unknown })
      t.equal(answer.statusCode, 404, `${path} is another path, that nothing answers`)
    }
  })

  await t.test('one customer of IPv6 has one count, and IPv4 in IPv6 is IPv4', async (t) => {
    const { api } = await start(t, { limitRegisterAddress: perMinute(2) })
    const attempt = async (ip: string): Promise<number> =>
      (await api('POST', '/register', { body: {}, ip })).status
    t.same(
      [
        await attempt('2001:db8:1:1::1'),
        await attempt('2001:db8:1:1:ffff::2'),
        await attempt('2001:db8:1:1::3'),
      ],
      [400, 400, 429],
    )
    t.equal(await attempt('2001:db8:1:2::1'), 400, 'the next /64')
    t.same(
      [await attempt('192.0.2.1'), await attempt('::ffff:192.0.2.1'), await attempt('192.0.2.1')],
      [400, 400, 429],
    )
  })

  await t.test('X-Forwarded-For is believed from a proxy of the list, and from nobody else', async (t) => {
    const { api } = await start(t, { limitGeneralAddress: perMinute(1), trustProxy: ['10.0.0.0/8'] })
    const attempt = async (ip: string, forwarded: string): Promise<number> =>
      (await api('GET', '/me', { ip, headers: { 'x-forwarded-for': forwarded } })).status
    t.same(
      [await attempt('192.0.2.1', '1.1.1.1'), await attempt('192.0.2.1', '2.2.2.2')],
      [401, 429],
      'a stranger chooses none',
    )
    t.same(
      [await attempt('10.0.0.1', '198.51.100.1'), await attempt('10.0.0.2', '198.51.100.2')],
      [401, 401],
      'clients of a proxy',
    )
    t.same(
      [
        await attempt('10.0.0.1', '1.1.1.1, 198.51.100.3'),
        await attempt('10.0.0.1', '2.2.2.2, 198.51.100.3'),
      ],
      [401, 429],
      'what a client put in front counts for nothing',
    )
  })

  await t.test(
    'what a trusted proxy passes on and is no address counts as the proxy, and breaks nothing',
    async (t) => {
      const { api } = await start(t, { trustProxy: ['10.0.0.0/8'], limitRegisterAddress: perMinute(6) })
      for (const odd of ['unknown', '1.2.3.4:5678', '_hidden', "'; --", '[2001:db8::1]', '999.1.1.1']) {
        const headers = { 'x-forwarded-for': odd }
        const body = { email: newEmail(), password }
        t.equal((await api('POST', '/register', { body, headers, ip: '10.0.0.9' })).status, 201, odd)
      }
      t.equal((await api('POST', '/register', { body: {}, ip: '10.0.0.9' })).status, 429)
      const zoned = {
        body: { email: newEmail(), password },
        headers: { 'x-forwarded-for': 'fe80::1%eth0' },
        ip: '10.0.0.9',
      }
      t.equal((await api('POST', '/register', zoned)).status, 201)
    },
  )

  await t.test('a limit that is counted in the use case is told like the others', async (t) => {
    const { app, api } = await start(t, { limitRefreshSession: perMinute(1) })
    const { refreshToken } = await register(app)
    const { body } = await api('POST', '/refresh', { body: { refreshToken } })
    const refused = await api('POST', '/refresh', { body: { refreshToken: body['refreshToken'] } })
    t.match(refused, {
      status: 429,
      body: { code: 'rate_limited' },
      headers: { 'ratelimit-limit': '1', 'ratelimit-remaining': '0', 'retry-after': /^\d+$/ },
    })
    t.equal(refused.headers['ratelimit-reset'], refused.headers['retry-after'])
  })

  await t.test('probes, published keys and metrics do not count; unknown paths do', async (t) => {
    const { api } = await start(t, { limitGeneralAddress: perMinute(3) })
    for (const path of ['/health', '/health/ready', '/.well-known/jwks.json', '/metrics']) {
      for (let n = 0; n < 3; n += 1) {
        const { status, headers } = await api('GET', path)
        t.equal(status, 200)
        t.equal(headers['ratelimit-limit'], undefined)
      }
    }
    const answers = [
      await api('GET', '/api/a'),
      await api('PUT', '/me'),
      await api('GET', '/api/b'),
      await api('GET', '/api/c'),
    ]
    t.same(statuses(answers), [404, 405, 404, 429])
  })

  await t.test(
    'a refused request is neither read nor authenticated, and its limit is reported once',
    async (t) => {
      const { app, api, db, deps } = await start(t, { limitGeneralAddress: perMinute(3) })
      const { accessToken } = await register(app)
      const ip = '198.51.100.20'
      for (let n = 0; n < 3; n += 1)
        t.equal((await api('GET', '/me', { token: accessToken, ip })).status, 200)
      for (let n = 0; n < 5; n += 1)
        t.equal((await api('GET', '/me', { token: accessToken, ip })).status, 429)
      t.equal(
        (await api('POST', '/logout', { body: 'not json', headers: { 'content-type': 'x' }, ip })).status,
        429,
      )
      t.same(await reportedLimits(deps, db), ['generalAddress'])
    },
  )

  await t.test('parallel attempts get not one more than the limit', async (t) => {
    const { api } = await start(t, { limitLoginAddress: perMinute(7) })
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => api('POST', '/login', { body: { password: 'x' } })),
    )
    t.equal(answers.filter(({ status }) => status !== 429).length, 7)
  })

  await t.test('no address and no account is readable in Redis', async (t) => {
    const { api, deps } = await start(t)
    const email = newEmail()
    await api('POST', '/login', { body: { email, password }, ip: '198.51.100.77' })
    const keys = await deps.redis.client.keys(`${deps.config.redisKeyPrefix}limit:*`)
    t.ok(keys.length >= 2)
    for (const key of keys) {
      t.match(key, /limit:[\w-]{22}$/)
      t.ok((await deps.redis.client.pttl(key)) > 0, 'and every counter ends')
    }
  })

  await t.test('without Redis limits hold in this process, and Redis takes over again', async (t) => {
    const redis = await startPrivateRedis(t)
    const { api, deps } = await start(t, { limitLoginAddress: perMinute(3), redisUrl: redis.url })
    await waitFor(() => deps.redis.isAvailable(), { what: 'Redis' })
    const attempts = async (count: number, ip: string): Promise<number[]> => {
      const answers = []
      for (let n = 0; n < count; n += 1)
        answers.push(await api('POST', '/login', { body: { password: 'x' }, ip }))
      return statuses(answers)
    }
    t.same(await attempts(4, '192.0.2.1'), [400, 400, 400, 429])
    await redis.kill()
    t.same(await attempts(4, '192.0.2.2'), [400, 400, 400, 429], 'from the first request without it')
    t.same(await attempts(4, '192.0.2.2'), [429, 429, 429, 429])
    await redis.start()
    await waitFor(() => deps.redis.isAvailable(), { what: 'Redis to be back' })
    t.same(await attempts(4, '192.0.2.3'), [400, 400, 400, 429])
  })
})
