/** The work of a worker goes on without Redis, from PostgreSQL alone, and returns to the queue by itself. */
// Alone: its tests run side by side.
import t from 'tap'
import { startPrivateRedis } from '@latchkey/devstack/testing/private-servers'
import { waitFor } from '@latchkey/devstack/wait-for'
import { createEventReporter } from '@latchkey/platform/security-events/event-reporter'
import { countOutbox, countPersisted, insertIntoOutbox, persistedIds, someEvents } from './support/events.js'
import { insertSessions, insertUser, remainingSessions } from './support/session-rows.js'
import { createInstallation } from './support/test-workers.js'

t.jobs = 3 // each has its own installation, and waits for most of its time

t.test('where there never was a Redis, two workers share the work', async (t) => {
  const installation = await createInstallation(t, { redisUrl: null, tokenCleanupIntervalMs: 1000 })
  const { owner: db } = installation.database
  await insertSessions(db, await insertUser(db), { idle: -1 }, 50)
  const ids = await insertIntoOutbox(db, 1200)
  const workers = [await installation.startWorker(), await installation.startWorker()]

  await waitFor(async () => (await countOutbox(db)) === 0, { what: 'the events to be persisted' })
  t.same(await persistedIds(db), ids.toSorted())
  await waitFor(async () => (await remainingSessions(db)).size === 0, { what: 'the sessions to be deleted' })
  const hasPartition = async (): Promise<boolean> => {
    const [row] = await db<{ name: string | null }[]>`
      SELECT to_regclass(to_char(now() + interval '2 months', '"security_events_"YYYY_MM')) AS name`
    return typeof row?.name === 'string'
  }
  await waitFor(hasPartition, { what: 'the partition of the month after the next one' })

  const countedBy = async ({ deps }: (typeof workers)[number]): Promise<number> =>
    (await deps.metrics.securityEventsTotal.get()).values
      .filter(({ labels }) => labels.type === 'login.succeeded')
      .reduce((sum, { value }) => sum + value, 0)
  const countedByAll = async (): Promise<number> =>
    (await Promise.all(workers.map(countedBy))).reduce((sum, count) => sum + count, 0)
  await waitFor(async () => (await countedByAll()) >= ids.length, { what: 'the events to be counted' })
  t.equal(await countedByAll(), ids.length, 'each by one of them')
  await waitFor(
    async () => /sessions_active 0/.test((await workers[0]?.deps.metrics.registry.metrics()) ?? ''),
    {
      what: 'the sessions to be counted',
    },
  )
  await Promise.all(workers.map(({ stop }) => stop()))
})

t.test(
  'Redis dies: events are persisted from PostgreSQL; it returns: the queue has the work again',
  async (t) => {
    const redis = await startPrivateRedis(t)
    const installation = await createInstallation(t, { redisUrl: redis.url })
    const { owner: db } = installation.database
    const { deps, lines, stop } = await installation.startWorker()
    const reporter = createEventReporter({ queue: deps.queues.securityEvents, sql: db, log: deps.log })
    const expected: string[] = []

    async function report(what: string): Promise<void> {
      expected.push(...(await insertIntoOutbox(db, 100)))
      for (const event of someEvents(10)) {
        expected.push(event.id)
        await reporter.report(event)
      }
      await waitFor(async () => (await countPersisted(db)) >= expected.length, {
        what,
        deadlineMs: 30_000,
      })
      t.same(await persistedIds(db), expected.toSorted(), what)
      t.equal(await countOutbox(db), 0)
    }
    const said = (text: string) => lines.filter(({ msg }) => msg.includes(text)).length

    await report('events with Redis')
    for (let outage = 1; outage <= 2; outage++) {
      await redis.kill()
      await report(`events during outage ${outage}`)
      t.equal(said('by its own clock'), outage)
      await redis.start()
      await waitFor(() => said('runs maintenance again') === outage, {
        what: 'the queue',
        deadlineMs: 15_000,
      })
      await report(`events after outage ${outage}`)
    }
    await stop()
  },
)

t.test('PostgreSQL refuses for a while: nothing is lost, and the log is not flooded', async (t) => {
  const installation = await createInstallation(t)
  const { owner: db } = installation.database
  const { deps, lines, stop } = await installation.startWorker()
  await waitFor(async () => (await deps.queues.maintenance.getJobSchedulersCount()) > 0, { what: 'a start' })
  await db`ALTER TABLE outbox RENAME TO outbox_away`
  await waitFor(() => lines.some(({ msg }) => msg.startsWith('A maintenance task failed')), {
    what: 'a failure',
  })
  await db`ALTER TABLE outbox_away RENAME TO outbox`
  const ids = await insertIntoOutbox(db, 10)
  await waitFor(async () => (await countPersisted(db)) === ids.length, { what: 'the events' })
  t.equal(lines.filter(({ msg }) => msg.startsWith('A maintenance task failed')).length, 1)
  await stop()
})
