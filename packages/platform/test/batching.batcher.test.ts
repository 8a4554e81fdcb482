import t from 'tap'
import { waitFor } from '@latchkey/devstack/wait-for'
import { createBatcher } from '@latchkey/platform/batching/batcher'

/** A batcher whose runs end when the test says so. */
function createWorld({ maxItems = 10, maxInFlight = 1, maxWaiting = 100 } = {}) {
  const runs: {
    items: readonly number[]
    end: (results: readonly number[]) => void
    fail: (error: Error) => void
  }[] = []
  const batcher = createBatcher<number, number>({
    maxItems,
    maxInFlight,
    maxWaiting,
    run: (items) => new Promise((end, fail) => void runs.push({ items, end, fail })),
  })
  const submit = (...items: number[]) => Promise.all(items.map((item) => batcher.submit(item)))
  return { batcher, runs, submit }
}

t.test('one item starts at once, and what comes meanwhile goes together', async (t) => {
  const { runs, submit, batcher } = createWorld({ maxItems: 3 })
  const first = submit(1)
  t.strictSame(
    runs.map(({ items }) => items),
    [[1]],
  )
  const rest = submit(2, 3, 4, 5)
  t.equal(runs.length, 1, 'nothing joins a run that has started')
  runs[0]?.end([10])
  t.strictSame(await first, [10])
  t.strictSame(runs[1]?.items, [2, 3, 4])
  runs[1]?.end([20, 30, 40])
  const idle = batcher.whenIdle()
  await waitFor(() => runs.length === 3, { what: 'the last run' })
  runs[2]?.end([50])
  t.strictSame(await rest, [20, 30, 40, 50], 'each gets its own result')
  await idle
  await batcher.whenIdle()
})

t.test('as many runs as allowed go on at the same time', async (t) => {
  const { runs, submit } = createWorld({ maxInFlight: 2 })
  void submit(1, 2, 3)
  t.strictSame(
    runs.map(({ items }) => items),
    [[1], [2]],
  )
})

t.test('a run that fails fails its items and no others', async (t) => {
  const { runs, submit } = createWorld()
  const [first, second] = [submit(1), submit(2)]
  runs[0]?.fail(new Error('away'))
  await t.rejects(first, { message: 'away' })
  await waitFor(() => runs.length === 2, { what: 'the next run' })
  runs[1]?.end([2])
  t.strictSame(await second, [2])
})

t.test('a run that answers too few results fails, rather than leave somebody waiting for ever', async (t) => {
  const { runs, submit } = createWorld()
  const first = submit(1)
  runs[0]?.end([])
  await t.rejects(first)
})

t.test('beyond what may wait, an item is refused at once', async (t) => {
  const { submit } = createWorld({ maxWaiting: 2 })
  void submit(1, 2, 3)
  await t.rejects(submit(4), { code: 'overloaded', status: 503 })
})
