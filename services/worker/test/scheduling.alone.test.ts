/** Runs of a task never meet: neither in one worker when a turn overruns, nor in two when both keep their own clock. */
import t from 'tap'
import { waitFor } from '@latchkey/devstack/wait-for'
import { createInProcessSchedule } from '@latchkey/worker/scheduling/in-process-schedule'
import type { MaintenanceTask } from '@latchkey/worker/scheduling/maintenance-task'
import { runAlone } from '@latchkey/worker/scheduling/run-alone'
import { createTaskRunner } from '@latchkey/worker/scheduling/task-runner'
import { createTestDeps } from './support/test-deps.js'

const { signal } = new AbortController()

/** A task that counts how many runs of it are under way, and ends a run when it is told to. */
function meteredTask(runs: MaintenanceTask['runs'], everyMs = 1) {
  const meter = { started: 0, underWay: 0, most: 0 }
  const ends: (() => void)[] = []
  const task: MaintenanceTask = {
    name: 'clean-expired-tokens',
    everyMs,
    runs,
    async run() {
      meter.started += 1
      meter.underWay += 1
      meter.most = Math.max(meter.most, meter.underWay)
      await new Promise<void>((resolve) => ends.push(resolve))
      meter.underWay -= 1
    },
  }
  return { task, meter, endOne: () => ends.shift()?.() }
}

t.test('two workers: one runs, the other passes, and the next turn is free again', async (t) => {
  const { deps, database } = await createTestDeps(t)
  const other = await createTestDeps(t, {}, { database })
  const { task, meter, endOne } = meteredTask('alone')
  const here = createTaskRunner(deps)
  const there = createTaskRunner(other.deps)

  const run = here(task, signal)
  await waitFor(() => meter.underWay === 1, { what: 'the first run' })
  await there(task, signal)
  await here(task, signal)
  t.same(meter, { started: 1, underWay: 1, most: 1 })
  endOne()
  await run

  const next = there(task, signal)
  await waitFor(() => meter.underWay === 1, { what: 'the second run' })
  endOne()
  await next
  t.same(meter, { started: 2, underWay: 0, most: 1 })
})

t.test('the lock of a worker whose connection dies is free for others', async (t) => {
  const { deps, db } = await createTestDeps(t)
  let end = (): void => undefined
  let isRunning = false
  const run = runAlone(deps.sessionSql, 'clean-expired-tokens', async () => {
    isRunning = true
    await new Promise<void>((resolve) => (end = resolve))
  })
  await waitFor(() => isRunning, { what: 'the run' })
  t.equal(await runAlone(deps.sessionSql, 'clean-expired-tokens', async () => {}), false)
  await db`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE '%pg_try_advisory_xact_lock%' AND pid <> pg_backend_pid()`
  await waitFor(() => runAlone(deps.sessionSql, 'clean-expired-tokens', async () => {}), { what: 'the lock' })
  end()
  await t.rejects(run, 'the worker is told that its lock was gone')
})

t.test('a task may take longer than any transaction that works', async (t) => {
  const { deps } = await createTestDeps(t, { dbStatementTimeoutMs: 200 })
  const isHeld = await runAlone(deps.sessionSql, 'clean-expired-tokens', async () => {
    for (let statement = 0; statement < 6; statement++) await deps.sql`SELECT pg_sleep(0.1)`
    t.equal(await runAlone(deps.sessionSql, 'clean-expired-tokens', async () => {}), false)
  })
  t.equal(isHeld, true)
})

t.test('other tasks do not wait for a lock', async (t) => {
  const { deps } = await createTestDeps(t)
  await runAlone(deps.sessionSql, 'clean-expired-tokens', async () => {
    t.equal(await runAlone(deps.sessionSql, 'roll-partitions', async () => {}), true)
  })
})

t.test('by its own clock a task that overruns is not started again before it ends', async (t) => {
  const { deps } = await createTestDeps(t)
  const { task, meter, endOne } = meteredTask('beside-others', 5)
  const runTask = createTaskRunner(deps)
  const schedule = createInProcessSchedule([task], (due) => runTask(due, signal))
  schedule.resume()
  schedule.resume()
  for (let turn = 1; turn <= 3; turn++) {
    await waitFor(() => meter.started === turn, { what: `turn ${turn}` })
    const isDone = waitFor(() => meter.underWay === 0 || meter.started > turn, { what: 'its end' })
    endOne()
    await isDone
  }
  t.equal(meter.most, 1)

  await waitFor(() => meter.underWay === 1, { what: 'one more' })
  const stopped = schedule.stop()
  endOne()
  await stopped
  const { started } = meter
  t.equal(meter.underWay, 0)
  schedule.pause()
  t.equal(meter.started, started)
})

t.test('one outage is one line in the log, and so is its end', async (t) => {
  const { deps, lines } = await createTestDeps(t)
  let isBroken = true
  const runTask = createTaskRunner(deps)
  const task: MaintenanceTask = {
    name: 'relay-outbox',
    everyMs: 1,
    runs: 'beside-others',
    run: async () => {
      if (isBroken) throw new Error('broken')
    },
  }
  for (let turn = 0; turn < 5; turn++) await t.rejects(runTask(task, signal), { message: 'broken' })
  isBroken = false
  for (let turn = 0; turn < 5; turn++) await runTask(task, signal)
  const told = lines.filter(({ msg }) => msg.startsWith('A maintenance task'))
  t.match(told, [
    { level: 'error', task: 'relay-outbox', err: { message: 'broken' } },
    { level: 'info', task: 'relay-outbox' },
  ])
  t.equal(told.length, 2)
})
