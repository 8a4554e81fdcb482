// Alone: it starts servers and processes of its own.
import { once } from 'node:events'
import { createServer } from 'node:tls'
import t from 'tap'
import { waitFor } from '@latchkey/devstack/wait-for'
import { createMetrics } from '@latchkey/platform/metrics/metrics'
import { layWire, viaWire } from './support/cuttable-wire.js'
import { connectTestRedis, recordLog, startForgetfulRedis } from './support/pipeline.js'
import { selfSignedCertificate, selfSignedKey } from '@latchkey/devstack/testing/self-signed'

t.test('an outage is told once, with its end and its length, and the gauge follows', async (t) => {
  const server = await startForgetfulRedis(t)
  const { log, lines } = recordLog()
  const metrics = createMetrics('auth-api')
  const degraded = async () => (await metrics.redisDegraded.get()).values[0]?.value
  const redis = connectTestRedis(t, server.url, { log, metrics })
  t.equal(await degraded(), 1, 'not before it is there')
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  t.equal(await degraded(), 0)
  const firstRun = redis.runId()
  const changes: boolean[] = []
  const forget = redis.onAvailabilityChange((isAvailable) => void changes.push(isAvailable))

  await server.kill()
  await waitFor(() => !redis.isAvailable(), { what: 'the loss to be noticed' })
  t.equal(await degraded(), 1)
  t.equal(redis.runId(), null)
  const startedAt = performance.now()
  await t.rejects(redis.client.get('key'))
  t.ok(performance.now() - startedAt < 250, 'a command fails at once')
  let retries = 0
  redis.client.on('reconnecting', () => void retries++)
  await waitFor(() => retries > 3, { what: 'some retries' })

  await server.start()
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  t.equal(await degraded(), 0)
  t.not(redis.runId(), firstRun)
  t.strictSame(changes, [false, true])
  forget()
  t.match(lines, [
    { level: 'warn', msg: 'Redis is away', redis: 'test' },
    { level: 'info', msg: 'Redis is back', redis: 'test', awaySeconds: Number },
  ])
  t.equal(lines.length, 2)
})

t.test('a Redis that is not there at the start is taken into use when it comes', async (t) => {
  const server = await startForgetfulRedis(t)
  await server.kill()
  const redis = connectTestRedis(t, server.url)
  await t.rejects(redis.client.get('key'))
  await server.start()
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  t.equal(await redis.client.set('key', 'value'), 'OK')
})

t.test('a command that is left unanswered fails, and the connection soon after', async (t) => {
  const server = await startForgetfulRedis(t)
  const wire = await layWire(t, server.port)
  const redis = connectTestRedis(t, viaWire(server.url, wire))
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  wire.freeze()
  const startedAt = performance.now()
  await t.rejects(redis.client.set('key', 'late'), { message: 'Command timed out' })
  t.ok(performance.now() - startedAt < 1000)
  await waitFor(() => !redis.isAvailable(), { what: 'the silence to be noticed' })
  wire.mend()
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  await redis.client.set('key', 'newer')
  t.equal(await redis.client.get('key'), 'newer', 'nothing that failed is sent again')
})

t.test('without a URL every command fails at once, and nobody calls that an outage', async (t) => {
  const { log, lines } = recordLog()
  const metrics = createMetrics('auth-api')
  const redis = connectTestRedis(t, null, { log, metrics })
  await t.rejects(redis.client.get('key'))
  t.equal(redis.isAvailable(), false)
  t.equal(redis.runId(), null)
  t.equal((await metrics.redisDegraded.get()).values[0]?.value, 1)
  t.strictSame(lines, [])
})

t.test('a server that would evict keys is warned of, once', async (t) => {
  const server = await startForgetfulRedis(t)
  const admin = connectTestRedis(t, server.url)
  await waitFor(() => admin.isAvailable(), { what: 'Redis' })
  await admin.client.config('SET', 'maxmemory-policy', 'allkeys-lru')
  const { log, lines } = recordLog()
  const redis = connectTestRedis(t, server.url, { log })
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  t.type(redis.runId(), 'string', 'without maxmemory it evicts nothing')
  redis.client.disconnect(true)
  await waitFor(() => !redis.isAvailable(), { what: 'the disconnection' })
  await waitFor(() => redis.isAvailable(), { what: 'the reconnection' })
  t.equal(lines.filter(({ msg }) => msg.includes('noeviction')).length, 1)
})

t.test('a user who may not ask for INFO works, and its list is not believed', async (t) => {
  const server = await startForgetfulRedis(t)
  const admin = connectTestRedis(t, server.url)
  await waitFor(() => admin.isAvailable(), { what: 'Redis' })
  await admin.client.acl('SETUSER', 'limited', 'on', '>secret', '~*', '+@all', '-info')
  const url = new URL(server.url)
  url.username = 'limited'
  url.password = 'secret'
  const { log, lines } = recordLog()
  const redis = connectTestRedis(t, url.href, { log })
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  t.equal(redis.runId(), null)
  t.match(lines, [{ level: 'warn' }])
})

t.test('a rediss server whose certificate nobody vouches for is not talked to', async (t) => {
  let received = 0
  const server = createServer({ cert: selfSignedCertificate, key: selfSignedKey }, (socket) =>
    socket.on('error', () => undefined).on('data', ({ length }) => void (received += length)),
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const { log, lines } = recordLog()
  const redis = connectTestRedis(t, `rediss://:password@localhost:${port}`, { log })
  await waitFor(() => lines.length > 0, { what: 'the refusal' })
  t.match(lines, [{ msg: 'Redis is away', err: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } }])
  t.equal(redis.isAvailable(), false)
  t.equal(received, 0, 'the password stays with us')
})

t.test('a consumer waits for Redis instead of failing', async (t) => {
  const server = await startForgetfulRedis(t)
  await server.kill()
  const redis = connectTestRedis(t, server.url, { blocking: true })
  const answer = redis.client.set('key', 'value')
  await server.start()
  t.equal(await answer, 'OK')
})
