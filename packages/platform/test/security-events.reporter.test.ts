// Alone: it starts servers and processes of its own.
import t, { type Test } from 'tap'
import { Value } from 'typebox/value'
import {
  persistSecurityEventsJob,
  queueNames,
  PersistSecurityEventsPayload,
} from '@latchkey/contracts/queues'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import { createQueue } from '@latchkey/platform/queue/queues'
import { createEventReporter } from '@latchkey/platform/security-events/event-reporter'
import { idsOf, readOutboxIds, someEvents } from './support/events.js'
import { connectTestDatabase, connectTestRedis, recordLog, sharedRedisUrl } from './support/pipeline.js'

t.test('a reported event is in the queue when the report is answered', async (t) => {
  const { reporter, owner, queuedIds } = await startWorld(t)
  const [event] = someEvents(1)
  if (event === undefined) throw new Error('an event is needed')
  await reporter.report(event)
  t.strictSame(await queuedIds(), [event.id])
  t.strictSame(await readOutboxIds(owner), [])
})

t.test('reports that come together travel together', async (t) => {
  const { reporter, queue, queuedIds } = await startWorld(t)
  const events = someEvents(2000)
  await Promise.all(events.map((event) => reporter.report(event)))
  t.strictSame(await queuedIds(), idsOf(events))
  const jobs = await queue.getWaitingCount()
  t.ok(jobs <= 6, `the first alone, then 500 a job: ${jobs}`)
})

t.test('while Redis is away the event is in the outbox when the report is answered', async (t) => {
  const { reporter, owner } = await startWorld(t, null)
  const events = someEvents(700)
  await Promise.all(events.map((event) => reporter.report(event)))
  t.strictSame(await readOutboxIds(owner), idsOf(events))
})

t.test('while both are away the report fails, and the next one may go well', async (t) => {
  const { reporter, owner } = await startWorld(t, null)
  const [lost, kept] = [someEvents(1), someEvents(1)]
  await owner`ALTER TABLE outbox RENAME TO outbox_away`
  await t.rejects(Promise.all(lost.map((event) => reporter.report(event))))
  await owner`ALTER TABLE outbox_away RENAME TO outbox`
  await Promise.all(kept.map((event) => reporter.report(event)))
  t.strictSame(await readOutboxIds(owner), idsOf(kept))
})

t.test('an event that is none is refused to its writer alone', async (t) => {
  const { reporter, queuedIds } = await startWorld(t)
  const events = someEvents(20)
  const [first] = events
  if (first === undefined) throw new Error('an event is needed')
  const outcomes = await Promise.allSettled(
    [...events, { ...first, ip: 'x'.repeat(100) }].map((event) => reporter.report(event)),
  )
  t.strictSame(
    outcomes.map(({ status }) => status),
    [...events.map(() => 'fulfilled'), 'rejected'],
  )
  t.strictSame(await queuedIds(), idsOf(events))
})

t.test('an event that the outbox refuses fails its own report alone', async (t) => {
  const { reporter, owner } = await startWorld(t, null)
  const events = someEvents(9)
  const poisoned = events.map((event, index) => (index === 4 ? { ...event, userAgent: '\0' } : event))
  const outcomes = await Promise.allSettled(poisoned.map((event) => reporter.report(event)))
  t.equal(outcomes.filter(({ status }) => status === 'rejected').length, 1)
  t.equal(outcomes[4]?.status, 'rejected')
  t.equal((await readOutboxIds(owner)).length, 8)
})

t.test('reports that nobody takes do not pile up without end', async (t) => {
  const { reporter, owner } = await startWorld(t, null)
  await owner.begin(async (transaction) => {
    await transaction`LOCK TABLE outbox`
    const outcomes = someEvents(10_600).map((event) =>
      reporter.report(event).then(
        () => null,
        (error: unknown) => error,
      ),
    )
    t.match(await Promise.race(outcomes.slice(-50)), { code: 'overloaded' })
  })
  await reporter.whenIdle()
})

async function startWorld(t: Test, redisUrl: string | null = sharedRedisUrl()) {
  const database = await createTestDatabase(t)
  const redis = connectTestRedis(t, redisUrl)
  const queue = createQueue(queueNames.securityEvents, {
    config: { redisKeyPrefix: redisPrefix(t), jobMaxAttempts: 3 },
    redis,
  })
  t.teardown(() => queue.close())
  if (redisUrl !== null) await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  const sql = connectTestDatabase(t, database.url, 'latchkey_api')
  const reporter = createEventReporter({ queue, sql, log: recordLog().log })
  const queuedIds = async () => {
    const jobs = await queue.getWaiting()
    if (jobs.some(({ name }) => name !== persistSecurityEventsJob)) throw new Error('an unknown job')
    return idsOf(jobs.flatMap(({ data }) => Value.Parse(PersistSecurityEventsPayload, data).events))
  }
  return { reporter, queue, owner: database.owner, queuedIds }
}
