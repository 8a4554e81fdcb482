// Fault: a database that is busy, away, frozen or restarting. Whoever asks gets an answer in bounded time, nothing runs for those who
// were refused, and the pool mends itself.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { waitFor } from '@latchkey/devstack/wait-for'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { layWire, viaWire } from './support/cuttable-wire.js'
import { toAppError } from '@latchkey/platform/database/errors'
import { codeOf, connectForTest, timeRejection } from './support/database.js'

const { url, owner } = await createTestDatabase(t)
const port = Number(new URL(url).port)
await owner`CREATE TABLE notes (note text)`

async function countNotes(note: string): Promise<number> {
  const [row] = await owner<{ count: bigint }[]>`SELECT count(*) FROM notes WHERE note = ${note}`
  return Number(row?.count)
}

t.test('connections are opened on demand, up to the maximum, and shared', async (t) => {
  const sql = connectForTest(t, url, { max: 3 })
  t.same(sql.statistics(), { max: 3, idle: 0, active: 0, waiting: 0 })
  const asked = Array.from(
    { length: 20 },
    () => sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid, pg_sleep(0.01)`,
  )
  const rows = await Promise.all(asked)
  t.equal(new Set(rows.map(([row]) => row?.pid)).size, 3)
  t.same(sql.statistics(), { max: 3, idle: 3, active: 0, waiting: 0 })
})

t.test('one at a time needs one connection', async (t) => {
  const sql = connectForTest(t, url, { max: 5 })
  for (let n = 0; n < 5; n += 1) await sql`SELECT 1`
  t.same(sql.statistics(), { max: 5, idle: 1, active: 0, waiting: 0 })
})

t.test('who waits for a busy pool is refused in time, and nothing runs for them later', async (t) => {
  const sql = connectForTest(t, url, {
    max: 2,
    config: { dbConnTimeoutMs: 300, dbStatementTimeoutMs: 10_000 },
  })
  const busy = [sql`SELECT pg_sleep(1)`, sql`SELECT pg_sleep(1)`].map((query) => query.execute())
  const waiting = timeRejection(sql`INSERT INTO notes VALUES ('late')`)
  await waitFor(() => sql.statistics().waiting === 1, { what: 'the third to wait' })
  t.same(sql.statistics(), { max: 2, idle: 0, active: 2, waiting: 1 })
  const { error, afterMs } = await waiting
  t.match(error, { code: 'POOL_TIMEOUT' })
  t.ok(afterMs >= 250 && afterMs < 900, `after ${afterMs} ms`)
  await Promise.all(busy)
  t.equal(await countNotes('late'), 0)
})

t.test('there is a bound to how many may wait', async (t) => {
  const sql = connectForTest(t, url, { max: 1 })
  const asked = Array.from({ length: 150 }, () =>
    codeOf(sql`SELECT pg_sleep(0.001)`.then(() => Promise.reject(new Error('answered')))),
  )
  const codes = await Promise.all(asked)
  t.equal(codes.filter((code) => code === 'POOL_FULL').length, 50)
})

t.test('a transaction that waits for its own pool is refused instead of waiting for itself', async (t) => {
  const sql = connectForTest(t, url, { max: 1, config: { dbConnTimeoutMs: 300 } })
  await sql.begin(async () => {
    t.equal(await codeOf(sql`SELECT 1`), 'POOL_TIMEOUT')
  })
})

t.test('no server: everybody is told at once', async (t) => {
  const wire = await layWire(t, port)
  const sql = connectForTest(t, viaWire(url, wire), { max: 2 })
  wire.cut()
  const refusals = await Promise.all(Array.from({ length: 20 }, () => timeRejection(sql`SELECT 1`)))
  for (const { error, afterMs } of refusals) {
    t.match(error, { code: 'CONNECT_FAILED' })
    t.ok(afterMs < 500, `after ${afterMs} ms`)
  }
  wire.mend()
  t.same(Array.from(await sql`SELECT 1 AS one`), [{ one: 1 }])
})

t.test('a server that accepts and never answers: told after the connect timeout', async (t) => {
  const wire = await layWire(t, port)
  const sql = connectForTest(t, viaWire(url, wire), { max: 2, config: { dbConnTimeoutMs: 400 } })
  wire.freeze()
  const refusals = await Promise.all(Array.from({ length: 5 }, () => timeRejection(sql`SELECT 1`)))
  for (const { error, afterMs } of refusals) {
    t.match(error, { code: /^(CONNECT_FAILED|POOL_TIMEOUT)$/ })
    t.ok(afterMs >= 300 && afterMs < 1000, `after ${afterMs} ms`)
  }
  wire.mend()
  t.same(Array.from(await sql`SELECT 1 AS one`), [{ one: 1 }])
})

t.test('a server that freezes under statements: told when no answer can come any more', async (t) => {
  const wire = await layWire(t, port)
  const config = { dbConnTimeoutMs: 400, dbStatementTimeoutMs: 500 }
  const sql = connectForTest(t, viaWire(url, wire), { max: 2, config })
  await Promise.all([sql`SELECT pg_sleep(0.05)`, sql`SELECT pg_sleep(0.05)`])
  wire.freeze()
  const inTransaction = sql.begin((transaction) => transaction`SELECT 1`)
  const refusals = await Promise.all(
    [sql`SELECT 1`, inTransaction, sql`SELECT 1`].map((asked) => timeRejection(asked)),
  )
  for (const { afterMs } of refusals) t.ok(afterMs < 3000, `after ${afterMs} ms`)
  wire.mend()
  t.same(Array.from(await sql`SELECT 1 AS one`), [{ one: 1 }])
  t.match(sql.statistics(), { active: 0, waiting: 0 })
})

t.test('a statement may be slow for as long as PostgreSQL lets it', async (t) => {
  const sql = connectForTest(t, url, { config: { dbStatementTimeoutMs: 800 } })
  await sql`SELECT pg_sleep(0.5)`
  t.equal(await codeOf(sql`SELECT pg_sleep(5)`), '57014')
})

t.test('a server that hangs up on every newcomer is no endless loop', async (t) => {
  let calls = 0
  const server = createServer((socket) => {
    calls += 1
    socket.resume().end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => once(server.close(), 'close'))
  const hangingUp = new URL(url)
  hangingUp.port = String((server.address() as AddressInfo).port)
  const sql = connectForTest(t, hangingUp.href)
  const { error, afterMs } = await timeRejection(sql`SELECT 1`)
  t.match(error, { code: 'CONNECT_FAILED', message: /closed the connection/ })
  t.ok(afterMs < 500)
  t.equal(calls, 1)
})

t.test('connections that die, idle, in use or in a transaction, are told and replaced', async (t) => {
  const sql = connectForTest(t, url, {
    max: 4,
    applicationName: 'victims',
    config: { dbStatementTimeoutMs: 20_000 },
  })
  const terminate = () =>
    owner`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victims'`
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([sql`SELECT pg_sleep(0.01)`, sql`SELECT pg_sleep(0.01)`])
    // Again and again: one that was still being opened is idle only later.
    const everyoneIsGone = async () => {
      await terminate()
      const { idle, active } = sql.statistics()
      return idle + active === 0
    }
    await waitFor(everyoneIsGone, { what: 'the pool to notice' })

    let goOn = () => {}
    const killed = new Promise<void>((resolve) => (goOn = resolve))
    const inUse = [
      sql`SELECT pg_sleep(10)`,
      sql.begin((transaction) => transaction`SELECT pg_sleep(10)`),
      sql.begin(async (transaction) => {
        await transaction`SELECT 1`
        await killed
        await transaction`SELECT 2`
      }),
    ].map((work) => timeRejection(work))
    await waitFor(
      async () => {
        const states = await owner<{ state: string }[]>`
          SELECT state FROM pg_stat_activity WHERE application_name = 'victims' ORDER BY state`
        return states.map(({ state }) => state).join() === 'active,active,idle in transaction'
      },
      { what: 'all three to be under way' },
    )
    await waitFor(everyoneIsGone, { what: 'the pool to notice' })
    goOn()
    for (const { error } of await Promise.all(inUse)) t.equal(toAppError(error)?.code, 'unavailable')
    t.same(Array.from(await sql`SELECT 1 AS one`), [{ one: 1 }])
  }
})

t.test('unused connections are closed', async (t) => {
  const sql = connectForTest(t, url, { applicationName: 'unused', config: { dbIdleTimeoutMs: 200 } })
  // Each transaction waits for the other to have begun, so that there are two connections.
  let begun = 0
  const both = async () => {
    begun += 1
    await waitFor(() => begun === 2, { what: 'the other transaction' })
  }
  await Promise.all([sql.begin(both), sql.begin(both)])
  t.equal(sql.statistics().idle, 2)
  await waitFor(() => sql.statistics().idle === 0, { what: 'both to be closed' })
  await waitFor(
    async () => (await owner`SELECT FROM pg_stat_activity WHERE application_name = 'unused'`).length === 0,
    { what: 'PostgreSQL to see it' },
  )
})

t.test('end lets what is under way finish and takes nothing new', async (t) => {
  const sql = connectForTest(t, url, { max: 1, applicationName: 'ending' })
  const underWay = sql.begin(async (transaction) => {
    await transaction`SELECT pg_sleep(0.2)`
    await transaction`INSERT INTO notes VALUES ('last')`
  })
  const waiting = codeOf(sql`SELECT 1`)
  await waitFor(() => sql.statistics().active === 1, { what: 'the transaction to begin' })
  const ended = sql.end()
  t.equal(await codeOf(sql`SELECT 1`), 'POOL_CLOSED')
  t.equal(await waiting, 'POOL_CLOSED')
  await underWay
  await ended
  t.equal(await countNotes('last'), 1)
  t.same(sql.statistics(), { max: 1, idle: 0, active: 0, waiting: 0 })
})

t.test('end does not wait for longer than it was told', async (t) => {
  const sql = connectForTest(t, url)
  const asked = timeRejection(sql`SELECT pg_sleep(2)`)
  await waitFor(() => sql.statistics().active === 1, { what: 'the statement to be sent' })
  const startedMs = performance.now()
  await sql.end({ timeout: 0.1 })
  t.ok(performance.now() - startedMs < 1000)
  t.equal(toAppError((await asked).error)?.code, 'unavailable')
})
