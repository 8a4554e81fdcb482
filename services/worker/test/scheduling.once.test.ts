/** However many workers run, each schedule exists once: otherwise ten workers would clean up ten times as often. */
// Alone: its tests run side by side.
import t from 'tap'
import { maintenanceJobs } from '@latchkey/contracts/queues'
import { waitFor } from '@latchkey/devstack/wait-for'
import { createQueueSchedule } from '@latchkey/worker/scheduling/queue-schedule'
import { maintenanceTasks } from '@latchkey/worker/worker'
import { createTestDeps, type LogLine } from './support/test-deps.js'
import { createInstallation, type TestWorker } from './support/test-workers.js'

const cleanups = (lines: readonly LogLine[]) => lines.filter(({ msg }) => msg.startsWith('ended sessions'))

async function scheduleOf({ deps }: TestWorker, name: string) {
  return deps.queues.maintenance.getJobScheduler(name)
}

t.test(
  'a worker that starts moves no turn of the others, and mends a schedule that has stopped',
  async (t) => {
    const { deps } = await createTestDeps(t)
    const { maintenance } = deps.queues
    const schedule = createQueueSchedule(maintenance, maintenanceTasks(deps.config), { maxAttempts: 3 })
    await waitFor(() => deps.redis.isAvailable(), { what: 'Redis' })
    const nextTurns = async () =>
      (await maintenance.getJobSchedulers()).map(({ name, next }) => `${name} ${next}`)

    await schedule.write()
    const written = await nextTurns()
    await schedule.write()
    await schedule.mend()
    t.same(await nextTurns(), written)
    t.equal((await maintenance.getJobs()).length, maintenanceJobs.length, 'one waiting turn a task')

    // As a worker leaves it that dies after it took the job and before it scheduled the next.
    const turn = await maintenance.getJobScheduler('roll-partitions')
    await (await maintenance.getJob(`repeat:roll-partitions:${turn?.next}`))?.remove().catch(() => undefined)
    await deps.redis.client.zadd(maintenance.toKey('repeat'), Date.now() - 3_600_000, 'roll-partitions')
    await schedule.mend()
    const mended = await maintenance.getJobScheduler('roll-partitions')
    t.ok((mended?.next ?? 0) >= (turn?.next ?? Infinity), 'the next turn lies ahead')
  },
)

t.test('schedules that a flushed Redis has lost are put back', async (t) => {
  const installation = await createInstallation(t)
  const worker = await installation.startWorker()
  const { maintenance } = worker.deps.queues
  await waitFor(async () => (await maintenance.getJobSchedulersCount()) === maintenanceJobs.length, {
    what: 'the schedules',
  })
  await maintenance.obliterate({ force: true })
  for (const name of maintenanceJobs) await maintenance.removeJobScheduler(name)
  t.equal(await maintenance.getJobSchedulersCount(), 0)
  await waitFor(async () => (await maintenance.getJobSchedulersCount()) === maintenanceJobs.length, {
    what: 'the schedules again',
    deadlineMs: 10_000,
  })
})

t.jobs = 4 // each of these has its own installation, and waits for turns most of the time

t.test('three workers share one schedule a task, and each turn is taken once', async (t) => {
  const installation = await createInstallation(t, { tokenCleanupIntervalMs: 1000 })
  const first = await installation.startWorker()
  const workers = [first, await installation.startWorker(), await installation.startWorker()]
  const { maintenance } = first.deps.queues
  await waitFor(async () => (await maintenance.getJobSchedulersCount()) === maintenanceJobs.length, {
    what: 'the schedules',
  })
  const names = (await maintenance.getJobSchedulers()).map(({ name }) => name)
  t.same(names.toSorted(), maintenanceJobs.toSorted())

  const allCleanups = () => workers.flatMap(({ lines }) => cleanups(lines))
  await waitFor(() => allCleanups().length >= 4, { what: 'four cleanups', deadlineMs: 15_000 })
  const times = allCleanups()
    .map(({ time }) => Date.parse(String(time)))
    .toSorted((a, b) => a - b)
  const [start = 0, , , end = 0] = times
  t.ok(end - start > 2000, `four turns of a second, ${end - start} ms from the first to the last`)
  t.equal(await maintenance.getJobSchedulersCount(), maintenanceJobs.length)
})

t.test('a changed interval replaces the old schedule', async (t) => {
  const installation = await createInstallation(t)
  const before = await installation.startWorker({ tokenCleanupIntervalMs: 3_600_000 })
  await waitFor(() => cleanups(before.lines).length === 1, { what: 'the first turn' })
  t.match(await scheduleOf(before, 'clean-expired-tokens'), { every: 3_600_000 })
  await before.stop()

  const after = await installation.startWorker({ tokenCleanupIntervalMs: 1000 })
  await waitFor(() => cleanups(after.lines).length >= 2, { what: 'two turns at the new pace' })
  t.match(await scheduleOf(after, 'clean-expired-tokens'), { every: 1000 })
  const waiting = await after.deps.queues.maintenance.getJobs(['delayed', 'waiting', 'prioritized'])
  const turns = waiting.filter(({ name }) => name === 'clean-expired-tokens')
  t.ok(turns.length <= 1, 'the turn of the old schedule is gone')
})
