/** What the smaller tasks leave behind in PostgreSQL and in the gauges. */
// Alone: it starts servers and processes of its own.
import t from 'tap'
import type { DatabaseReport } from '@latchkey/contracts/database-report'
import { testDatabaseConfig } from '@latchkey/devstack/testing/database'
import { startPrivatePostgres } from '@latchkey/devstack/testing/private-servers'
import { waitFor } from '@latchkey/devstack/wait-for'
import { readStats, refreshStats } from '@latchkey/worker/jobs/refresh-stats/refresh-stats'
import { connectDatabase } from '@latchkey/platform/database/client'
import { migrate } from '@latchkey/platform/database/migrate'
import { reportOnDatabase, showReport } from '@latchkey/worker/jobs/report-on-database/report-on-database'
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

t.test(
  'the report tells of sizes, bloat, vacuum, partitions and indexes, to every worker alike',
  async (t) => {
    const { deps, db, database } = await createTestDeps(t)
    const other = await createTestDeps(t, {}, { database })
    await db`ALTER TABLE users SET (autovacuum_enabled = off)`
    await db`
    INSERT INTO users (id, email, name)
    SELECT gen_random_uuid(), n || '@example.com', repeat('x', 90) FROM generate_series(1, 20000) AS n`
    await db`CREATE INDEX nobody_asks_idx ON users (name, email)`
    await db`DELETE FROM users WHERE substr(email::text, 1, 1) < '5'`
    await db`ANALYZE users`
    await db`SELECT pg_stat_force_next_flush()`.catch(() => undefined)
    await reportOnDatabase(deps)
    await reportOnDatabase(other.deps)
    const rows = await db<{ report: DatabaseReport }[]>`SELECT report FROM database_reports`
    t.equal(rows.length, 1)
    const report = rows[0]?.report
    const users = report?.tables.find(({ name }) => name === 'users')
    t.match(users, { partitions: 0, bloatBytes: Number, vacuumedAt: null, analyzedAt: /^\d{4}-/ })
    t.ok((users?.bytes ?? 0) > 2 ** 20 && (users?.indexBytes ?? 0) > 2 ** 20)
    const share = (users?.bloatBytes ?? 0) / ((users?.bytes ?? 1) - (users?.indexBytes ?? 0))
    t.ok(
      share > 0.65 && share < 0.8,
      `72 % of the rows are gone; of the space, it says, ${Math.round(share * 100)} %`,
    )
    t.match(
      report?.unusedIndexes.find(({ name }) => name === 'nobody_asks_idx'),
      { table: 'users', bytes: Number },
    )
    t.notOk(
      report?.unusedIndexes.some(({ name }) => name.endsWith('_pkey')),
      'what enforces something is no candidate',
    )
    const events = report?.tables.filter(({ name }) => name.startsWith('security_events'))
    t.equal(events?.length, 1, 'partitions count for their table')
    t.ok((events?.[0]?.partitions ?? 0) >= 2)
    t.ok(
      report?.partitions.some(
        ({ name, table }) => table === 'security_events' && name === 'security_events_default',
      ),
    )
    t.match(report, {
      bytes: Number,
      xidAge: Number,
      slowStatements: { source: /pg_stat_statements|not_installed/ },
    })

    await showReport(other.deps)
    const exposed = await other.deps.metrics.registry.metrics()
    t.match(exposed, /^database_size_bytes [1-9]/m)
    t.match(exposed, /^database_table_bloat_bytes\{table="users"\} [1-9]/m)
    t.match(exposed, /^database_table_size_bytes\{table="security_events"\} \d/m)
    await db`UPDATE database_reports SET report = '{"of": "another version"}'`
    await showReport(other.deps)
  },
)

t.test('slow statements are told where pg_stat_statements is, and no secret of one', async (t) => {
  const postgres = await startPrivatePostgres(t, { shared_preload_libraries: 'pg_stat_statements' })
  await migrate(postgres.url)
  const owner = connectDatabase(testDatabaseConfig(postgres.url), {
    role: null,
    pool: 'session',
    max: 1,
    applicationName: 'latchkey-test',
  })
  t.teardown(() => owner.end({ timeout: 0 }))
  const { deps } = await createTestDeps(
    t,
    {},
    { database: { url: postgres.url, owner, drop: () => Promise.resolve() } },
  )
  const told = async () => {
    await reportOnDatabase(deps)
    const [row] = await owner<{ slow: DatabaseReport['slowStatements'] }[]>`
      SELECT report->'slowStatements' AS slow FROM database_reports`
    return row?.slow
  }
  t.match(await told(), { source: 'not_installed', statements: [] })
  await owner`CREATE EXTENSION pg_stat_statements`
  await owner`GRANT pg_read_all_stats TO latchkey_worker`
  await owner`SELECT pg_sleep(0.2), 'needle' AS who`
  await owner.unsafe(`ALTER ROLE latchkey_worker PASSWORD 'a secret of a role'`)
  const slow = await told()
  t.match(slow, {
    source: 'pg_stat_statements',
    statements: [{ query: /^SELECT pg_sleep\(\$1\)/, calls: 1 }],
  })
  t.ok((slow?.statements[0]?.meanMs ?? 0) >= 200)
  t.ok((slow?.statements.length ?? 0) <= 5)
  t.notMatch(JSON.stringify(slow), /needle|a secret of a role/)
})
