// Fault: PostgreSQL dies by SIGKILL, again and again, under statements and transactions. The process lives, everything asked gets an
// answer, what was answered is there, and the pool works again by itself.
// Alone: it starts servers and processes of its own.
import { startPrivatePostgres } from '@latchkey/devstack/testing/private-servers'
import { toAppError } from '@latchkey/platform/database/errors'
import t from 'tap'
import { connectForTest } from './support/database.js'

t.test('killed under load and started again', async (t) => {
  const postgres = await startPrivatePostgres(t, { fsync: 'off' })
  const sql = connectForTest(t, postgres.url, { max: 5 })
  await sql`CREATE TABLE written (id int PRIMARY KEY, twin int)`
  const acknowledged = new Set<number>()
  const unexpected: unknown[] = []
  let asked = 0
  const load = new AbortController()

  const write = async (id: number) => {
    if (id % 2 === 0) await sql`INSERT INTO written (id, twin) VALUES (${id}, ${id + 1}), (${id + 1}, ${id})`
    else
      await sql.begin(async (transaction) => {
        await transaction`INSERT INTO written (id, twin) VALUES (${-id}, ${-id - 1})`
        await transaction`INSERT INTO written (id, twin) VALUES (${-id - 1}, ${-id})`
      })
    acknowledged.add(id % 2 === 0 ? id : -id)
  }
  const writer = async () => {
    while (!load.signal.aborted) {
      asked += 3
      try {
        await write(asked)
      } catch (error) {
        if (toAppError(error)?.code !== 'unavailable') unexpected.push(error)
        await new Promise(setImmediate)
      }
    }
  }
  const writers = Array.from({ length: 12 }, writer)

  for (let kills = 0; kills < 3; kills += 1) {
    const before = acknowledged.size
    const deadline = performance.now() + 20_000
    while (acknowledged.size < before + 200 && performance.now() < deadline) await new Promise(setImmediate)
    t.ok(acknowledged.size >= before + 200, 'statements are answered')
    await postgres.kill()
    await postgres.start()
  }
  load.abort()
  await Promise.all(writers)

  t.same(unexpected, [])
  const rows = await sql<{ id: number; twin: number }[]>`SELECT id, twin FROM written`
  const stored = new Set(rows.map(({ id }) => id))
  t.same(
    [...acknowledged].filter((id) => !stored.has(id)),
    [],
    'what was acknowledged is there',
  )
  t.same(
    rows.filter(({ twin }) => !stored.has(twin)),
    [],
    'and nothing is there by halves',
  )
  t.match(sql.statistics(), { active: 0, waiting: 0 })
})
