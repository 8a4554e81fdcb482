/** What the smaller tasks leave behind in PostgreSQL and in the gauges. */
import t from 'tap'
import { waitFor } from '@latchkey/devstack/wait-for'
import { readStats, refreshStats } from '@latchkey/worker/jobs/refresh-stats/refresh-stats'
import { rollPartitions } from '@latchkey/worker/jobs/roll-partitions/roll-partitions'
import { insertSessions, insertUser } from './support/session-rows.js'
import { createTestDeps } from './support/test-deps.js'

t.test('there is a partition for this month and the next two, made once by two workers', async (t) => {
  const { deps, db, database } = await createTestDeps(t)
  const other = await createTestDeps(t, {}, { database })
  await Promise.all([rollPartitions(deps), rollPartitions(other.deps)])
  await rollPartitions(deps)
  const partitions = await db<{ name: string }[]>`
    SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'security_events'::regclass`
  const months = await db<{ name: string }[]>`
    SELECT to_char((now() AT TIME ZONE 'UTC') + make_interval(months => ahead), '"security_events_"YYYY_MM') AS name
    FROM generate_series(0, 2) AS ahead`
  for (const { name } of months)
    t.ok(
      partitions.some((partition) => partition.name === name),
      name,
    )
})

t.test('events that stand in the default partition move to that of their month', async (t) => {
  const { deps, db } = await createTestDeps(t)
  await db`
    INSERT INTO security_events (id, occurred_at, type, severity)
    SELECT gen_random_uuid(), now() + make_interval(months => months), 'login.succeeded', 'info'
    FROM generate_series(1, 3) AS months`
  await rollPartitions(deps)
  const rows = await db<{ partition: string; month: string }[]>`
    SELECT tableoid::regclass::text AS partition,
      to_char(occurred_at AT TIME ZONE 'UTC', '"security_events_"YYYY_MM') AS month
    FROM security_events ORDER BY occurred_at`
  t.same(
    rows.map(({ partition, month }) => partition === month),
    [true, true, false],
    'the third month has no partition yet',
  )
})

t.test(
  'sessions_active counts what can be refreshed, and every worker exports the same figure',
  async (t) => {
    const { deps, db, database } = await createTestDeps(t)
    const { redisKeyPrefix } = deps.config
    const other = await createTestDeps(t, { redisKeyPrefix }, { database })
    await waitFor(() => deps.redis.isAvailable() && other.deps.redis.isAvailable(), { what: 'Redis' })
    const userId = await insertUser(db)
    await insertSessions(db, userId, {}, 7)
    await insertSessions(db, userId, { idle: -1 }, 2)
    await insertSessions(db, userId, { absolute: -1 }, 2)
    await insertSessions(db, userId, { revoked: -1 }, 2)
    await refreshStats(deps)
    await readStats(other.deps)
    for (const { metrics } of [deps, other.deps])
      t.match(await metrics.sessionsActive.get(), { values: [{ value: 7 }] })

    await db`UPDATE users SET mfa_enabled = true, email_verified_at = now() WHERE id = ${userId}`
    await db`UPDATE users SET disabled_at = now() WHERE id = ${await insertUser(db)}`
    await Promise.all([deps, other.deps].map((one) => refreshStats(one)))
    t.same(await db`SELECT name, value::int FROM statistics ORDER BY name`, [
      { name: 'sessions_active', value: 7 },
      { name: 'users', value: 2 },
      { name: 'users_disabled', value: 1 },
      { name: 'users_unverified', value: 1 },
      { name: 'users_with_second_factor', value: 1 },
    ])
  },
)

t.test('beyond 2000 pages sessions_active is an estimate, and a close one', async (t) => {
  const { deps, db } = await createTestDeps(t, { redisUrl: null })
  const userId = await insertUser(db)
  await db`ALTER TABLE sessions SET (fillfactor = 10)` // few rows a page: many pages without many rows
  await insertSessions(db, userId, {}, 9000)
  await insertSessions(db, userId, { idle: -1 }, 1000)
  await refreshStats(deps)
  const { values } = await deps.metrics.sessionsActive.get()
  const estimate = values[0]?.value ?? 0
  t.ok(estimate !== 9000 && Math.abs(estimate - 9000) < 900, `${estimate} for 9000`)
})
