// Property: ids that SQL makes are UUIDv7 in the order of time, every event finds the partition of its month, and no table forgets to forget.
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { newId } from '@latchkey/platform/crypto/identifiers'
import t from 'tap'
import { codeOf, connectForTest } from './support/database.js'

const { url, owner } = await createTestDatabase(t)

const millisecondsOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)

t.test('uuid_v7 has version 7, variant 10 and the time of its making (RFC 9562, 5.7)', async (t) => {
  const rows = await owner<{ id: string; before: number; after: number }[]>`
    SELECT before, id, floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS after
    FROM (
      SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS before, uuid_v7()::text AS id
      FROM generate_series(1, 5000) OFFSET 0
    ) AS made`
  for (const { id, before, after } of rows) {
    if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))
      t.fail(`${id} is none`)
    const made = millisecondsOf(id)
    if (made < before || made > after) t.fail(`${id} was made ${made - before} ms after ${before}`)
  }
  t.equal(new Set(rows.map(({ id }) => id)).size, 5000)
  const times = rows.map(({ id }) => millisecondsOf(id))
  t.same(
    times,
    times.toSorted((a, b) => a - b),
  )
  for (const position of [14, 15, 16, 19, 20, 35]) {
    const digits = new Set(rows.map(({ id }) => id[position]))
    t.equal(
      digits.size,
      position === 14 ? 1 : position === 19 ? 4 : 16,
      `digit ${position} is as random as it may be`,
    )
  }
})

t.test('ids of SQL and of the processes sort together', async (t) => {
  const ids: string[] = []
  for (let round = 0; round < 5; round += 1) {
    ids.push(newId())
    const [row] = await owner<{ id: string }[]>`SELECT uuid_v7()::text AS id, pg_sleep(0.002)`
    ids.push(row?.id ?? '')
  }
  t.same(
    ids.map(millisecondsOf),
    ids.map(millisecondsOf).toSorted((a, b) => a - b),
  )
})

t.test('a partition is made once, by whichever worker is first, and takes what waited for it', async (t) => {
  const sql = connectForTest(t, url, { role: 'latchkey_worker', config: { dbStatementTimeoutMs: 10_000 } })
  const [moment] = await owner<{ inside: Date; outside: Date; month: string }[]>`
    SELECT m + interval '14 days' AS inside, m + interval '40 days' AS outside, to_char(m AT TIME ZONE 'UTC', 'YYYY_MM') AS month
    FROM (SELECT date_trunc('month', now(), 'UTC') + interval '5 months' AS m) AS later`
  if (moment === undefined) throw new Error('no moment')
  for (const occurredAt of [moment.inside, moment.outside]) {
    await owner`INSERT INTO security_events (id, occurred_at, type, severity) VALUES (${newId()}, ${occurredAt}, 'test', 'info')`
  }
  const partitionOf = async (occurredAt: Date) => {
    const rows = await owner<{ name: string }[]>`
      SELECT tableoid::regclass::text AS name FROM security_events WHERE occurred_at = ${occurredAt}`
    return rows.map(({ name }) => name).join()
  }
  t.equal(await partitionOf(moment.inside), 'security_events_default')

  const made = await Promise.all(
    Array.from(
      { length: 4 },
      () => sql<{ name: string | null }[]>`SELECT create_security_events_partition(${moment.inside}) AS name`,
    ),
  )
  const names = made.flatMap(([row]) => row?.name ?? [])
  t.same(names, [`security_events_${moment.month}`])
  t.equal(await partitionOf(moment.inside), names[0])
  t.equal(await partitionOf(moment.outside), 'security_events_default')
})

t.test('the edges of a month are midnight in UTC, whatever the session’s time zone', async (t) => {
  const sql = connectForTest(t, url, { role: 'latchkey_worker' })
  await sql.begin(async (transaction) => {
    await transaction`SELECT set_config('TimeZone', 'Pacific/Kiritimati', true)`
    await transaction`SELECT create_security_events_partition(date_trunc('month', now(), 'UTC') + interval '7 months 3 days')`
  })
  const [bounds] = await owner<{ isExact: boolean }[]>`
    SELECT bool_or(pg_get_expr(relpartbound, oid) = format('FOR VALUES FROM (%L) TO (%L)', month::text, (month + interval '1 month')::text))
      AS is_exact
    FROM pg_class, (SELECT date_trunc('month', now(), 'UTC') + interval '7 months' AS month) AS later
    WHERE relispartition`
  t.equal(bounds?.isExact, true)
})

t.test('no partition is made for a time that is unknown or far off', async (t) => {
  const sql = connectForTest(t, url, { role: 'latchkey_worker' })
  t.equal(await codeOf(sql`SELECT create_security_events_partition(NULL)`), '22023')
  t.equal(await codeOf(sql`SELECT create_security_events_partition(now() + interval '2 years')`), '22023')
  t.match(await codeOf(sql`SELECT create_security_events_partition('infinity')`), /^22/)
})

t.test('every table that names a user forgets them', async (t) => {
  const keys = await owner<{ name: string; action: string }[]>`
    SELECT conname AS name, confdeltype::text AS action FROM pg_constraint WHERE contype = 'f' AND confrelid = 'users'::regclass`
  t.ok(keys.length > 5)
  t.same(
    keys.filter(({ action }) => action !== 'c').map(({ name }) => name),
    [],
  )
  // Those that name one without a key: erasure and the worker take care of them.
  const columns = await owner<{ name: string }[]>`
    SELECT table_name AS name FROM information_schema.columns c
    WHERE table_schema = 'public' AND column_name = 'user_id' AND table_name !~ '^security_events_' AND NOT EXISTS (
      SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = 'users'::regclass AND conrelid = c.table_name::regclass)
    ORDER BY table_name`
  t.same(
    columns.map(({ name }) => name),
    ['alerts', 'erasures', 'mails', 'outbox', 'security_events'],
  )
})
