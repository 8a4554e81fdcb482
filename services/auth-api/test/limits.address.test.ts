// Attack: more attempts by another spelling of the path, the address or the method.
import { startPrivateRedis } from '@latchkey/devstack/testing/private-servers'
import { waitFor } from '@latchkey/devstack/wait-for'
import { PersistSecurityEventsPayload } from '@latchkey/contracts/queues'
import t from 'tap'
import { Compile } from 'typebox/compile'
import { newEmail, password, register } from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const perMinute = (max: number): { max: number; windowSeconds: number } => ({ max, windowSeconds: 60 })
const statuses = (answers: readonly ApiAnswer[]): number[] => answers.map(({ status }) => status)
const unknown = { email: 'nobody@example.com', password }

const PersistSecurityEvents = Compile(PersistSecurityEventsPayload)

// Counts are by address, so each test comes from addresses of its own.
const app = await createTestApp(t, {
  limitGeneralAddress: perMinute(2),
  limitLoginAddress: perMinute(6),
  limitRegisterAddress: perMinute(6),
  limitRefreshSession: perMinute(1),
  trustProxy: ['10.0.0.0/8'],
})
const { api, db, deps } = app

/** Events may still be on their way through the queue, or in the outbox: both are looked at. */
async function reportedLimits(ip: string): Promise<unknown[]> {
  await deps.events.whenIdle()
  const jobs = await deps.eventQueue.getJobs(['waiting'])
  const queued = jobs.flatMap(({ data }) => PersistSecurityEvents.Parse(data).events)
  const kept = await db<{ type: string; ip: string | null; data: Record<string, unknown> }[]>`
    SELECT type, host(ip) AS ip, data FROM outbox`
  return [...queued, ...kept]
    .filter((event) => event.type === 'rate_limit.exceeded' && event.ip === ip)
    .map(({ data }) => data['limit'])
}

t.test('a limit is told before, at and after its end', async (t) => {
  const ip = '203.0.113.8'
  const first = await api('GET', '/me', { ip })
  t.match(first, {
    status: 401,
    headers: { 'ratelimit-limit': '2', 'ratelimit-remaining': '1', 'ratelimit-reset': '60' },
  })
  t.match(await api('GET', '/me', { ip }), { status: 401, headers: { 'ratelimit-remaining': '0' } })
  const refused = await api('GET', '/me', { ip })
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

t.test('both prefixes and every spelling of a path are one', async (t) => {
  const attempt = { method: 'POST', payload: unknown } as const
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
    answers.push((await app.app.inject({ ...attempt, url, remoteAddress: '203.0.113.10' })).statusCode)
  t.same(answers, [401, 401, 401, 401, 401, 401, 429])
  const others = [
    '/api/auth/login/',
    '/api/auth//login',
    '/API/auth/login',
    '/api/auth/Login',
    '/api/auth/login;x',
  ]
  for (const [n, url] of others.entries()) {
    const answer = await app.app.inject({ ...attempt, url, remoteAddress: `203.0.113.${20 + n}` })
    t.equal(answer.statusCode, 404, `${url} is another path, that nothing answers`)
  }
})

t.test('one customer of IPv6 has one count, and IPv4 in IPv6 is IPv4', async (t) => {
  const attempt = async (ip: string): Promise<number> =>
    (await api('POST', '/register', { body: {}, ip })).status
  const attempts = async (ips: string[]): Promise<number[]> => {
    const answers = []
    for (const ip of ips) answers.push(await attempt(ip))
    return answers
  }
  const sixAndNoMore = [400, 400, 400, 400, 400, 400, 429]
  const ofOneBlock = ['::1', ':ffff::2', '::3', ':1:2:3:4', '::5', ':6::', '::7']
  t.same(await attempts(ofOneBlock.map((host) => `2001:db8:1:1${host}`)), sixAndNoMore)
  t.equal(await attempt('2001:db8:1:2::1'), 400, 'the next /64')
  const [plain, mapped] = ['192.0.2.1', '::ffff:192.0.2.1']
  t.same(await attempts([plain, mapped, mapped, plain, plain, mapped, plain]), sixAndNoMore)
})

t.test('X-Forwarded-For is believed from a proxy of the list, and from nobody else', async (t) => {
  const attempt = async (ip: string, forwarded: string): Promise<number> =>
    (await api('GET', '/me', { ip, headers: { 'x-forwarded-for': forwarded } })).status
  t.same(
    [
      await attempt('192.0.2.2', '1.1.1.1'),
      await attempt('192.0.2.2', '2.2.2.2'),
      await attempt('192.0.2.2', '3.3.3.3'),
    ],
    [401, 401, 429],
    'a stranger chooses none',
  )
  t.same(
    [
      await attempt('10.0.0.1', '198.51.100.1'),
      await attempt('10.0.0.1', '198.51.100.2'),
      await attempt('10.0.0.1', '198.51.100.4'),
    ],
    [401, 401, 401],
    'clients of a proxy',
  )
  t.same(
    [
      await attempt('10.0.0.1', '1.1.1.1, 198.51.100.3'),
      await attempt('10.0.0.1', '2.2.2.2, 198.51.100.3'),
      await attempt('10.0.0.2', '3.3.3.3, 198.51.100.3'),
    ],
    [401, 401, 429],
    'what a client put in front counts for nothing',
  )
})

t.test(
  'what a trusted proxy passes on and is no address counts as the proxy, and breaks nothing',
  async (t) => {
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

t.test('a limit that is counted in the use case is told like the others', async (t) => {
  const { refreshToken } = await register(app.app)
  const { body } = await api('POST', '/refresh', { body: { refreshToken } })
  const refused = await api('POST', '/refresh', { body: { refreshToken: body['refreshToken'] } })
  t.match(refused, {
    status: 429,
    body: { code: 'rate_limited' },
    headers: { 'ratelimit-limit': '1', 'ratelimit-remaining': '0', 'retry-after': /^\d+$/ },
  })
  t.equal(refused.headers['ratelimit-reset'], refused.headers['retry-after'])
})

t.test('probes, published keys and metrics do not count; unknown paths do', async (t) => {
  const ip = '203.0.113.11'
  for (const path of ['/health', '/health/ready', '/.well-known/jwks.json', '/metrics']) {
    for (let n = 0; n < 3; n += 1) {
      const { status, headers } = await api('GET', path, { ip })
      t.equal(status, 200)
      t.equal(headers['ratelimit-limit'], undefined)
    }
  }
  const answers = [
    await api('GET', '/api/a', { ip }),
    await api('PUT', '/me', { ip }),
    await api('GET', '/api/b', { ip }),
    await api('PUT', '/me', { ip }),
  ]
  t.same(statuses(answers), [404, 405, 429, 429])
})

t.test('a refused request is neither read nor authenticated, and its limit is reported once', async (t) => {
  const { accessToken } = await register(app.app)
  const ip = '198.51.100.20'
  for (let n = 0; n < 2; n += 1) t.equal((await api('GET', '/me', { token: accessToken, ip })).status, 200)
  for (let n = 0; n < 5; n += 1) t.equal((await api('GET', '/me', { token: accessToken, ip })).status, 429)
  t.equal(
    (await api('POST', '/logout', { body: 'not json', headers: { 'content-type': 'x' }, ip })).status,
    429,
  )
  t.same(await reportedLimits(ip), ['generalAddress'])
})

t.test('parallel attempts get not one more than the limit', async (t) => {
  const ip = '203.0.113.12'
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => api('POST', '/login', { body: { password: 'x' }, ip })),
  )
  t.equal(answers.filter(({ status }) => status !== 429).length, 6)
})

t.test('no address and no account is readable in Redis', async (t) => {
  const email = newEmail()
  await api('POST', '/login', { body: { email, password }, ip: '198.51.100.77' })
  const keys = await deps.redis.client.keys(`${deps.config.redisKeyPrefix}limit:*`)
  t.ok(keys.length >= 2)
  for (const key of keys) {
    t.match(key, /limit:[\w-]{22}$/)
    t.ok((await deps.redis.client.pttl(key)) > 0, 'and every counter ends')
  }
})

t.test('without Redis limits hold in this process, and Redis takes over again', async (t) => {
  const redis = await startPrivateRedis(t)
  const settings = { limitLoginAddress: perMinute(3), redisUrl: redis.url }
  const alone = await createTestApp(t, settings, { database: app.database })
  await waitFor(() => alone.deps.redis.isAvailable(), { what: 'Redis' })
  const attempts = async (count: number, ip: string): Promise<number[]> => {
    const answers = []
    for (let n = 0; n < count; n += 1)
      answers.push(await alone.api('POST', '/login', { body: { password: 'x' }, ip }))
    return statuses(answers)
  }
  t.same(await attempts(4, '192.0.2.1'), [400, 400, 400, 429])
  await redis.kill()
  t.same(await attempts(4, '192.0.2.2'), [400, 400, 400, 429], 'from the first request without it')
  t.same(await attempts(4, '192.0.2.2'), [429, 429, 429, 429])
  await redis.start()
  await waitFor(() => alone.deps.redis.isAvailable(), { what: 'Redis to be back' })
  t.same(await attempts(4, '192.0.2.3'), [400, 400, 400, 429])
})
