// Alone: it starts servers and processes of its own.
import t, { type Test } from 'tap'
import { persistSecurityEventsJob, queueNames } from '@latchkey/contracts/queues'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { startPrivateRedis } from '@latchkey/devstack/testing/private-servers'
import { waitFor } from '@latchkey/devstack/wait-for'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { createMetrics } from '@latchkey/platform/metrics/metrics'
import { createConsumer } from '@latchkey/platform/queue/consumer'
import { createQueue, queueCounts } from '@latchkey/platform/queue/queues'
import { createEventReporter } from '@latchkey/platform/security-events/event-reporter'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { relayOutbox } from '@latchkey/platform/security-events/relay-outbox'
import { idsOf, readOutboxIds, readStoredIds, someEvents, writeStateChanges } from './support/events.js'
import { connectTestDatabase, connectTestRedis, recordLog } from './support/pipeline.js'

t.test('an event leaves the outbox when it is stored, not when it is queued', async (t) => {
  const { relay, owner, queue, consume } = await startWorld(t)
  const ids = await writeStateChanges(owner, 1200)
  t.match(await relay(), { relayed: 1000, stored: [] })
  t.match(await relay(), { relayed: 200 })
  t.match(await relay(), { relayed: 0 }, 'what is on its way is left alone')
  t.equal((await queueCounts(queue)).waiting, 3)
  t.strictSame(await readOutboxIds(owner), ids)
  consume()
  await waitFor(async () => (await readOutboxIds(owner)).length === 0, { what: 'an empty outbox' })
  t.strictSame(await readStoredIds(owner), ids)
})

t.test('an event that is relayed twice, or both ways, is one row with its microseconds', async (t) => {
  const { relay, owner, queue, sql, consume, forgetLeases } = await startWorld(t)
  const ids = await writeStateChanges(owner, 30)
  const [before] = await owner`SELECT array_agg(occurred_at::text ORDER BY id) AS times FROM outbox`
  await relay()
  await forgetLeases()
  t.match(await relay(), { relayed: 30 }, 'the worker that had them may have died')
  await relayOutbox({ sql, queue: null, revocations: noRevocations, batch: 10 })
  consume()
  await waitFor(async () => Object.values(await queueCounts(queue)).every((jobs) => jobs === 0), {
    what: 'both jobs, which leave nothing behind',
  })
  t.strictSame(await readStoredIds(owner), ids)
  const [after] = await owner`SELECT array_agg(occurred_at::text ORDER BY id) AS times FROM security_events`
  t.strictSame(after, before)
  t.strictSame(await readOutboxIds(owner), [])
})

t.test('nothing of an event is lost or renamed on either way', async (t) => {
  const { relay, owner, sql, consume } = await startWorld(t)
  const read = () => owner`
    SELECT type, severity, session_id, host(ip) AS ip, user_agent, data::text AS data FROM security_events`
  const sessionId = newId()
  const expected = [
    {
      type: 'session.revoked',
      severity: 'info',
      sessionId,
      ip: '2001:db8::1',
      userAgent: 'test',
      data: '{"snake_case": 1}',
    },
  ]
  await writeStateChanges(owner, 1, { sessionId })
  await relay()
  consume()
  await waitFor(async () => (await readStoredIds(owner)).length === 1, { what: 'the event' })
  t.match(await read(), expected)
  await owner`TRUNCATE security_events`
  await writeStateChanges(owner, 1, { sessionId })
  await relayOutbox({ sql, queue: null, revocations: noRevocations, batch: 10 })
  t.match(await read(), expected)
})

t.test('relays that run at once share the work', async (t) => {
  const { relay, owner, sql } = await startWorld(t)
  const ids = await writeStateChanges(owner, 900)
  const shares = await Promise.all(
    [1, 2, 3].map(() => relayOutbox({ sql, queue: null, revocations: noRevocations, batch: 300 })),
  )
  const rest = await relay()
  const all = shares.reduce((sum, { relayed }) => sum + relayed, rest.relayed)
  t.equal(all, 900)
  t.ok((await readStoredIds(owner)).every((id) => ids.includes(id)))
})

t.test('what only a newer version knows is stored all the same', async (t) => {
  const { relay, owner, queue } = await startWorld(t)
  const [known, foreign] = [
    await writeStateChanges(owner, 1),
    await writeStateChanges(owner, 2, { type: 'moon.landed' }),
  ]
  t.match(await relay(), { relayed: 3, stored: [{ type: 'moon.landed', count: 2, lagSeconds: Number }] })
  t.strictSame(await readStoredIds(owner), foreign)
  t.strictSame(await readOutboxIds(owner), known)
  t.equal((await queueCounts(queue)).waiting, 1)
})

t.test('a queue that cannot be had costs no event', async (t) => {
  const { relay, owner, server } = await startWorld(t)
  const ids = await writeStateChanges(owner, 50)
  await server.kill()
  t.match(await relay(), { relayed: 50, stored: [{ type: 'session.revoked', severity: 'info', count: 50 }] })
  t.strictSame(await readStoredIds(owner), ids)
})

t.test('the sessions that ended are told to Redis before their events go anywhere', async (t) => {
  const { sql, owner, queue } = await startWorld(t)
  const [revoked, reused] = [newId(), newId()]
  await writeStateChanges(owner, 1, { sessionId: revoked })
  await writeStateChanges(owner, 1, { type: 'session.reuse_detected', sessionId: reused })
  await writeStateChanges(owner, 1, { type: 'login.succeeded', sessionId: newId() })
  let told: readonly string[] = []
  const revocations = {
    async repeat(ids: readonly string[]) {
      told = ids
      t.equal((await queueCounts(queue)).waiting, 0)
    },
  }
  await relayOutbox({ sql, queue, revocations, batch: 10 })
  t.strictSame(told.toSorted(), [revoked, reused].toSorted())
})

t.test('ten thousand events, with Redis killed in the middle: each is there exactly once', async (t) => {
  const { relay, owner, server, reporter, consume, forgetLeases, redis } = await startWorld(t)
  consume()
  const events = someEvents(7500)
  const stateChanges = await writeStateChanges(owner, 2500)
  const relaying = (async () => {
    while ((await relay()).relayed > 0);
  })()
  const reports = (async () => {
    for (let start = 0; start < events.length; start += 250) {
      await Promise.all(events.slice(start, start + 250).map((event) => reporter.report(event)))
      if (start === 3750) await server.kill()
    }
  })()
  await Promise.all([relaying, reports])
  await server.start()
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  await forgetLeases()
  await waitFor(
    async () => {
      await relay()
      return (await readOutboxIds(owner)).length === 0
    },
    { what: 'an empty outbox', deadlineMs: 20_000 },
  )
  const expected = [...stateChanges, ...idsOf(events)].toSorted()
  await waitFor(async () => (await readStoredIds(owner)).length >= expected.length, {
    what: 'the queue to be worked off',
    deadlineMs: 20_000,
  })
  t.strictSame(await readStoredIds(owner), expected)
})

const noRevocations = { repeat: () => Promise.resolve() }

async function startWorld(t: Test) {
  const database = await createTestDatabase(t)
  const { owner } = database
  const server = await startPrivateRedis(t)
  const config = { redisKeyPrefix: 'lk:', jobMaxAttempts: 1 }
  const { log } = recordLog()
  const redis = connectTestRedis(t, server.url)
  const consumerRedis = connectTestRedis(t, server.url, { blocking: true })
  const sql = connectTestDatabase(t, database.url, 'latchkey_worker')
  const queue = createQueue(queueNames.securityEvents, { config, redis })
  t.teardown(() => queue.close())
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  const reporter = createEventReporter({
    queue,
    sql: connectTestDatabase(t, database.url, 'latchkey_api'),
    log,
  })

  return {
    owner,
    server,
    redis,
    sql,
    queue,
    reporter,
    relay: () => relayOutbox({ sql, queue, revocations: noRevocations, batch: 1000 }),
    forgetLeases: () => owner`UPDATE outbox SET relayed_at = relayed_at - interval '1 hour'`,
    consume() {
      const metrics = createMetrics('worker')
      const options = { config, redis: consumerRedis, concurrency: 2, log, metrics }
      const consumer = createConsumer(
        queueNames.securityEvents,
        ({ name, data }) =>
          name === persistSecurityEventsJob ? persistSecurityEvents(sql, data.events) : Promise.resolve(),
        options,
      )
      t.teardown(() => consumer.close(1000))
    },
  }
}
