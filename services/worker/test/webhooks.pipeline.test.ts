// Attack: whatever fails between an event and a receiver at the worst moment. Afterwards the receiver knows of everything, and of nothing
// twice that it cannot tell.
// Alone: its tests run side by side.
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import { queueCounts, queuePrefix } from '@latchkey/platform/queue/queues'
import { insertIntoOutbox } from './support/events.js'
import { createTestDeps } from './support/test-deps.js'
import { createInstallation } from './support/test-workers.js'
import {
  deliveryRows,
  insertEndpoint,
  moveWebhookClock,
  startReceiver,
  type Receiver,
} from './support/webhooks.js'
import { sharedRedisUrl } from './support/worker-env.js'
import { startWorkerProcess } from './support/worker-process.js'

t.jobs = 3 // each has its own installation, and waits for most of its time

const deadlineMs = 30_000
/** And nothing of what the worker itself tells meanwhile. */
const signIns = { eventTypes: ['login.succeeded'] }
const reachable = { outboundAllowedNetworks: ['127.0.0.1'] }

const idsOf = ({ received }: Receiver): string[] => received.map(({ headers }) => headers['webhook-id'] ?? '')

for (const [name, settings] of [
  ['with a queue', {}],
  ['without Redis', { redisUrl: null }],
] as const) {
  t.test(`two workers ${name}: each event once, at each endpoint, within seconds`, async (t) => {
    const receivers = await Promise.all([startReceiver(t), startReceiver(t)])
    const installation = await createInstallation(t, {
      ...reachable,
      ...settings,
      authSecret: 'x'.repeat(32),
    })
    const { owner: db } = installation.database
    const { deps } = await installation.startWorker()
    await installation.startWorker()
    for (const { url } of receivers) await insertEndpoint(db, deps.keyring, url, signIns)
    const startedAt = performance.now()
    const expected = await insertIntoOutbox(db, 120)
    await waitFor(() => receivers.every(({ received }) => received.length >= 120), {
      what: 'the events',
      deadlineMs,
    })
    t.comment(`after ${Math.round(performance.now() - startedAt)} ms`)
    for (const receiver of receivers) {
      t.same(idsOf(receiver).toSorted(), expected.toSorted())
      t.ok(receiver.mostAtOnce() <= 5, `${receiver.mostAtOnce()} requests at once`)
    }
    if ('redisUrl' in settings) return
    await waitFor(
      async () => Object.values(await queueCounts(deps.queues.webhooks)).every((count) => count === 0),
      { what: 'an empty queue' },
    )
  })
}

t.test(
  'workers that are killed while they send: what was in their hands comes twice, under the same id',
  async (t) => {
    const receiver = await startReceiver(t)
    receiver.onRequest = async (_, response) => {
      await new Promise(setImmediate)
      response.writeHead(204).end()
    }
    const database = await createTestDatabase(t)
    const db = database.owner
    const env = {
      AUTH_SECRET: 'an auth secret of this test alone, 1',
      DATABASE_URL: database.url,
      REDIS_URL: sharedRedisUrl(),
      REDIS_KEY_PREFIX: redisPrefix(t),
      OUTBOUND_ALLOWED_NETWORKS: '127.0.0.1',
    }
    const { deps } = await createTestDeps(t, {
      authSecret: env.AUTH_SECRET,
      redisKeyPrefix: env.REDIS_KEY_PREFIX,
      databaseUrl: database.url,
      databaseUrlTransaction: database.url,
    })
    const endpoint = await insertEndpoint(db, deps.keyring, receiver.url, signIns)
    const count = 400
    const expected = await insertIntoOutbox(db, count)
    const workers = await Promise.all([startWorkerProcess(t, env), startWorkerProcess(t, env)])
    await waitFor(() => receiver.received.length > 20, { what: 'events to arrive', deadlineMs, everyMs: 1 })
    await Promise.all(workers.map((worker) => worker.kill()))
    const settled = async () =>
      (await deliveryRows(db, endpoint.id)).filter(({ status }) => status === 'delivered').length
    t.ok((await settled()) < count, 'they died at work')
    // And Redis has lost what it knew of them.
    const keys = await deps.redis.client.keys(`${queuePrefix(deps.config)}:*`)
    if (keys.length > 0) await deps.redis.client.del(...keys)
    await moveWebhookClock(db, 60)
    const last = await startWorkerProcess(t, env)
    await waitFor(
      async () => {
        await db`UPDATE outbox SET relayed_at = relayed_at - interval '1 hour'`
        return (await settled()) >= count
      },
      { what: 'the events', deadlineMs, everyMs: 100 },
    )
    const { code } = await last.stop()
    t.equal(code, 0)
    t.same([...new Set(idsOf(receiver))].toSorted(), expected.toSorted())
    const doubles = receiver.received.length - new Set(idsOf(receiver)).size
    t.ok(doubles <= 5, `${doubles} came twice`)
  },
)
