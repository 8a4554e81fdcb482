// Probes and people: what each tier tells to whom, and how soon it tells that something is away.
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { DatabaseReport } from '@latchkey/contracts/database-report'
import { startPrivateRedis } from '@latchkey/devstack/testing/private-servers'
import { waitFor } from '@latchkey/devstack/wait-for'
import t, { type Test } from 'tap'
import { createForge } from './support/forged-tokens.js'
import { register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const metricsToken = 'a-token-of-metrics-9'
const plain = await createTestApp(t)
const { database } = plain

t.test('everybody learns the status, operators the details', async (t) => {
  const { app, api, deps, db } = await createTestApp(t, { metricsToken }, { database })
  const { accessToken, user, sessionId } = await register(app)

  t.match(await api('GET', '/health'), { status: 200, body: { status: 'ok' } })
  t.match(await api('GET', '/health/ready'), { status: 200, body: { status: 'ready' } })
  t.same((await api('GET', '/api/health')).body, { status: 'ok' })
  t.same((await api('GET', '/api/health/database')).body, { status: 'up' })

  for (const path of ['/health/detailed', '/api/health/pool-stats']) {
    t.match(await api('GET', path), { status: 401, body: { code: 'token_missing' } }, path)
    t.match(
      await api('GET', path, { token: accessToken }),
      { status: 401, body: { code: 'token_invalid' } },
      'a plain user',
    )
    t.match(await api('GET', path, { token: 'x' }), { status: 401, body: { code: 'token_invalid' } })
  }
  t.same((await api('GET', '/api/health', { token: accessToken })).body, { status: 'ok' })

  const report: DatabaseReport = {
    bytes: 1,
    xidAge: 2,
    statisticsSince: null,
    tables: [],
    partitions: [],
    unusedIndexes: [{ name: 'unused_idx', table: 'users', bytes: 3 }],
    missingIndexes: [],
    slowStatements: { source: 'not_installed', statements: [] },
  }
  await db`INSERT INTO database_reports (report) VALUES (${JSON.stringify(report)}::text::jsonb)`

  const forge = createForge(deps, accessToken)
  const admin = forge.signed(forge.header, { ...forge.payload, roles: ['user', 'admin'] })
  for (const token of [metricsToken, admin]) {
    for (const path of ['/health/detailed', '/api/health']) {
      t.match((await api('GET', path, { token })).body, {
        status: 'ok',
        uptimeSeconds: Number,
        nodeVersion: process.version,
        memoryBytes: Number,
        database: { status: 'up', latencyMs: Number, version: /^\d+/, isReplica: false },
        pool: { max: 10, idle: Number, active: Number, waiting: Number },
        redis: { status: 'up' },
        maintenance: { ...report, measuredAt: String },
        signingKey: { kid: deps.signingKeys.current().kid, algorithm: 'ES256', ageSeconds: Number },
      })
    }
    t.match(await api('GET', '/api/health/pool-stats', { token }), {
      status: 200,
      body: { max: 10, waiting: 0 },
    })
    t.match(await api('GET', '/api/health/database', { token }), { body: { status: 'up', version: String } })
  }

  await db`UPDATE sessions SET revoked_at = now(), revoke_reason = 'test' WHERE user_id = ${user.id}`
  await deps.revocations.revoke([sessionId])
  t.equal(
    (await api('GET', '/health/detailed', { token: admin })).status,
    401,
    'an admin whose session has ended',
  )
})

t.test('without METRICS_TOKEN details are closed', async (t) => {
  const { api } = plain
  for (const token of ['null', 'undefined', '""', 'x'.repeat(16)]) {
    t.equal((await api('GET', '/health/detailed', { token })).status, 401)
  }
})

t.test('Redis away is degraded, and still ready', async (t) => {
  const redis = await startPrivateRedis(t)
  const { api, deps } = await createTestApp(t, { redisUrl: redis.url }, { database })
  await waitFor(() => deps.redis.isAvailable(), { what: 'Redis' })
  await redis.kill()
  await waitFor(() => !deps.redis.isAvailable(), { what: 'Redis to be gone' })
  t.match(await api('GET', '/health/ready'), { status: 200, body: { status: 'degraded' } })
  t.match(await api('GET', '/api/health'), { status: 200, body: { status: 'degraded' } })
})

t.test('shutdown begins with readiness', async (t) => {
  const { app, api } = await createTestApp(t, {}, { database })
  app.drain()
  t.match(await api('GET', '/health/ready'), {
    status: 503,
    body: { code: 'unavailable' },
    headers: { connection: 'close' },
  })
  t.match(await api('GET', '/health'), { status: 200 })
  t.match(await api('GET', '/me'), { status: 401 }, 'what still arrives is answered')
})

/** Accepts connections and says nothing, as when packets are dropped. */
async function startBlackHole(t: Test): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => void sockets.add(socket.on('error', () => undefined)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `postgres://lk:x@127.0.0.1:${(server.address() as AddressInfo).port}/lk`
}

t.test('PostgreSQL away is told within two seconds, refused or silent', async (t) => {
  const places = { refused: 'postgres://lk:x@127.0.0.1:1/lk', silent: await startBlackHole(t) }
  const isTold = async ([name, databaseUrlTransaction]: [string, string]): Promise<void> => {
    const settings = { databaseUrlTransaction, dbConnTimeoutMs: 1000 }
    const { api } = await createTestApp(t, settings, { database })
    for (const path of ['/health/ready', '/api/health/database']) {
      const startedAt = performance.now()
      const answer = await api('GET', path)
      const ms = performance.now() - startedAt
      t.match(answer, { status: 503, body: { code: 'unavailable' } }, `${name} ${path}`)
      t.ok(Number(answer.headers['retry-after']) >= 1)
      t.ok(ms < 2000, `${name}: told after ${Math.round(ms)} ms`)
    }
    const [alive, health, keys, forged] = await Promise.all([
      api('GET', '/health'),
      api('GET', '/api/health'),
      api('GET', '/.well-known/jwks.json'),
      api('POST', '/refresh', { body: { refreshToken: 'x' } }),
    ])
    t.match(alive, { status: 200 }, 'the process itself is alive')
    t.match(health, { status: 200, body: { status: 'unavailable' } })
    t.match(keys, { status: 503 })
    t.match(forged, { status: 401 }, 'forged, whatever is away')
  }
  await Promise.all(Object.entries(places).map(isTold))
})

t.test('a crowd of probes looks at PostgreSQL once', async (t) => {
  const { api, deps } = plain
  const pings = async (): Promise<number> => {
    const { values } = await deps.metrics.databaseQueryDurationSeconds.get()
    const own = values.filter(
      ({ metricName, labels }) => metricName?.endsWith('_count') === true && labels.table === 'none',
    )
    return own.reduce((sum, { value }) => sum + value, 0)
  }
  const before = await pings()
  const answers = await Promise.all(Array.from({ length: 40 }, () => api('GET', '/health/ready')))
  t.ok(answers.every(({ status }) => status === 200))
  t.equal((await pings()) - before, 1)
})
