// Load: a refresh must leave nothing behind, or the table and its indexes grow with every quarter of an hour of every user.
// Alone: it starts servers and processes of its own.
import { testDatabaseConfig } from '@latchkey/devstack/testing/database'
import { startPrivatePostgres } from '@latchkey/devstack/testing/private-servers'
import { waitFor } from '@latchkey/devstack/wait-for'
import { connectDatabase } from '@latchkey/platform/database/client'
import { migrate } from '@latchkey/platform/database/migrate'
import t from 'tap'
import { refresh, register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

t.test('at least 95 % of the updates of refreshes are heap-only, and no row is added', async (t) => {
  // A server of its own: the long transaction of another test would keep dead rows from being pruned.
  const { url } = await startPrivatePostgres(t)
  await migrate(url)
  const db = connectDatabase(testDatabaseConfig(url), {
    role: null,
    pool: 'session',
    applicationName: t.name.slice(0, 60),
  })
  t.teardown(() => db.end())
  const { app } = await createTestApp(t, {}, { database: { url, owner: db, drop: async () => {} } })
  const tokens = []
  for (let n = 0; n < 60; n += 1) tokens.push((await register(app)).refreshToken)
  const [before] = await db`SELECT count(*)::int AS sessions FROM sessions`
  for (let round = 0; round < 25; round += 1) {
    const answers = await Promise.all(tokens.map((token) => refresh(app, token)))
    answers.forEach(({ body }, n) => (tokens[n] = body.refreshToken))
  }
  // A backend reports what it did when it ends, and otherwise when it likes.
  await db`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
  const stats = await waitFor(
    async () => {
      const [row] = await db<{ updated: number; heapOnly: number }[]>`
        SELECT n_tup_upd::int AS updated, n_tup_hot_upd::int AS heap_only FROM pg_stat_user_tables WHERE relname = 'sessions'`
      return row !== undefined && row.updated >= 60 * 25 ? row : null
    },
    { what: 'the statistics of 1500 refreshes', deadlineMs: 15_000 },
  )
  t.ok(stats.heapOnly / stats.updated >= 0.95, `${stats.heapOnly} of ${stats.updated}`)
  const [after] = await db`SELECT count(*)::int AS sessions FROM sessions`
  t.same(after, before)
})
