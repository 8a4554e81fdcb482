/** Whatever reaches the queue: what cannot be worked on is kept as failed, at once, and everything beside it goes on. */
import t from 'tap'
import { persistSecurityEventsJob } from '@latchkey/contracts/queues'
import { waitFor } from '@latchkey/devstack/wait-for'
import { queueCounts } from '@latchkey/platform/queue/queues'
import { persistedIds, someEvents } from './support/events.js'
import { createInstallation } from './support/test-workers.js'

t.test('jobs that no version of ours wrote fail without a second try, and the worker lives', async (t) => {
  const installation = await createInstallation(t)
  const { owner: db } = installation.database
  const { deps, lines } = await installation.startWorker()
  const { securityEvents, maintenance } = deps.queues
  await waitFor(() => deps.redis.isAvailable(), { what: 'Redis' })
  const [event] = someEvents(1)
  const malformed: unknown[] = [
    null,
    'text',
    {},
    { events: [] },
    { events: [{ ...event, type: 'nothing.happened' }] },
    { events: [{ ...event, id: 'no uuid' }] },
    { events: [{ ...event, extra: true }] },
    { events: [event], extra: true },
  ]
  for (const data of malformed) await securityEvents.add(persistSecurityEventsJob, data)
  await securityEvents.add('unknown-job', { events: [event] })
  await maintenance.add('unknown-task', {})
  await maintenance.add('relay-outbox', { unexpected: true })

  await waitFor(async () => (await queueCounts(securityEvents)).failed === malformed.length + 1, {
    what: 'failures',
  })
  await waitFor(async () => (await queueCounts(maintenance)).failed === 2, { what: 'failures' })
  const failed = await securityEvents.getFailed()
  t.ok(failed.every(({ attemptsMade }) => attemptsMade === 1))
  t.same(await persistedIds(db), [])

  const events = someEvents(3)
  await securityEvents.add(persistSecurityEventsJob, { events })
  await waitFor(async () => (await persistedIds(db)).length === 3, { what: 'the events of the good job' })
  t.match(
    await deps.metrics.registry.metrics(),
    `queue_jobs{queue="security-events",state="failed"} ${failed.length}`,
  )
  t.ok(lines.some(({ level, msg }) => level === 'error' && msg === 'A job failed'))
})

t.test(
  'an event that PostgreSQL refuses keeps none of its neighbours out, and stays with the failed job',
  async (t) => {
    const installation = await createInstallation(t)
    const { owner: db } = installation.database
    const { deps } = await installation.startWorker()
    const { securityEvents } = deps.queues
    await waitFor(() => deps.redis.isAvailable(), { what: 'Redis' })
    const events = someEvents(20)
    const bad = events[7]
    t.ok(bad)
    const sent = events.map((event) => (event === bad ? { ...event, ip: 'not an address' } : event))
    await securityEvents.add(persistSecurityEventsJob, { events: sent })

    await waitFor(async () => (await queueCounts(securityEvents)).failed === 1, { what: 'the failure' })
    const expected = events.filter((event) => event !== bad).map(({ id }) => id)
    t.same(await persistedIds(db), expected.toSorted())
    const [job] = await securityEvents.getFailed()
    t.match(job?.failedReason, `1 of 20 events cannot be stored, the first one ${bad?.id}`)
    t.equal(job?.attemptsMade, 1)
  },
)
