// Alone: it starts servers and processes of its own.
import t from 'tap'
import { persistSecurityEventsJob, queueNames } from '@latchkey/contracts/queues'
import { startPrivateRedis } from '@latchkey/devstack/testing/private-servers'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import { createQueue, queueCounts } from '@latchkey/platform/queue/queues'
import { layWire, viaWire } from './support/cuttable-wire.js'
import { connectTestRedis, sharedRedisUrl } from './support/pipeline.js'

const config = { redisKeyPrefix: 'lk:', jobMaxAttempts: 3 }

t.test('an add fails soon while Redis is away, and is not made up for later', async (t) => {
  const server = await startPrivateRedis(t)
  const wire = await layWire(t, server.port)
  const redis = connectTestRedis(t, viaWire(server.url, wire))
  const queue = createQueue(queueNames.securityEvents, { config, redis })
  t.teardown(() => queue.close())

  const failsFast = async (name: string) => {
    const startedAt = performance.now()
    await t.rejects(queue.add(persistSecurityEventsJob, {}), name)
    t.ok(performance.now() - startedAt < 1000, name)
  }
  await failsFast('before the first connection')
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  await queue.add(persistSecurityEventsJob, {})
  wire.freeze()
  await failsFast('while Redis is silent')
  await waitFor(() => !redis.isAvailable(), { what: 'the silence to be noticed' })
  await failsFast('once the silence was noticed')
  wire.cut()
  await failsFast('when the connection is refused')
  wire.mend()
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  await queue.add(persistSecurityEventsJob, {})
  t.equal((await queueCounts(queue)).waiting, 2)
})

t.test('without Redis an add fails at once', async (t) => {
  const queue = createQueue(queueNames.securityEvents, { config, redis: connectTestRedis(t, null) })
  t.teardown(() => queue.close())
  await t.rejects(queue.add(persistSecurityEventsJob, {}))
  await t.rejects(queueCounts(queue))
})

t.test(
  'jobs are tried as often as the settings say, wait longer each time, and failed ones are kept',
  async (t) => {
    const redis = connectTestRedis(t, sharedRedisUrl())
    const redisKeyPrefix = redisPrefix(t)
    await waitFor(() => redis.isAvailable(), { what: 'Redis' })
    const queue = createQueue(queueNames.maintenance, {
      config: { redisKeyPrefix, jobMaxAttempts: 4 },
      redis,
    })
    t.teardown(() => queue.close())
    const { opts } = await queue.add('relay-outbox', {})
    t.match(opts, { attempts: 4, backoff: { type: 'exponential' }, removeOnFail: { count: 10_000 } })
    t.ok((await redis.client.keys(`${redisKeyPrefix}bull:maintenance:*`)).length > 0, 'under our prefix')
  },
)
