/** SIGTERM: what runs is finished or handed on, everything is closed in order, and the exit code is 0. */
// Alone: its tests run side by side.
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { startPrivateRedis } from '@latchkey/devstack/testing/private-servers'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import type { Sql } from '@latchkey/platform/database/client'
import { insertSessions, insertUser, remainingSessions } from './support/session-rows.js'
import { sharedRedisUrl } from './support/worker-env.js'
import { startWorkerProcess } from './support/worker-process.js'

t.jobs = 2

t.test('idle, with Redis', async (t) => {
  const { url } = await createTestDatabase(t)
  const env = { DATABASE_URL: url, REDIS_URL: sharedRedisUrl(), REDIS_KEY_PREFIX: redisPrefix(t) }
  const worker = await startWorkerProcess(t, env)
  t.equal((await fetch(`${worker.url}/health/ready`)).status, 200)
  t.match(worker.output(), '"accessTokenTtlSeconds":900', 'the start-up line tells the settings')
  t.notMatch(worker.output(), url, 'and no URL that may hold a password')
  const { code, stdout } = await worker.stop()
  t.equal(code, 0)
  t.match(stdout, '"msg":"shut down"')
})

t.test('without Redis, and without PostgreSQL', async (t) => {
  const worker = await startWorkerProcess(t, { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' })
  t.equal((await fetch(`${worker.url}/health`)).status, 200)
  t.equal((await fetch(`${worker.url}/health/ready`)).status, 503)
  t.equal((await worker.stop()).code, 0)
})

t.test('while Redis is away', async (t) => {
  const redis = await startPrivateRedis(t)
  const { url } = await createTestDatabase(t)
  const worker = await startWorkerProcess(t, { DATABASE_URL: url, REDIS_URL: redis.url })
  await waitFor(() => worker.output().includes('partition of'), { what: 'some work' })
  await redis.kill()
  await waitFor(() => worker.output().includes('by its own clock'), {
    what: 'the outage to show',
    deadlineMs: 15_000,
  })
  const { code, stdout } = await worker.stop()
  t.equal(code, 0, stdout)
  t.notMatch(stdout, 'at the deadline', 'nothing is waited for that cannot come')
})

t.test(
  'in the middle of a long cleanup: it stops between two batches, and nothing is half done',
  async (t) => {
    const { url, owner: db } = await createTestDatabase(t)
    const userId = await insertUser(db)
    await insertSessions(db, userId, { idle: -1 }, 20_000)
    const worker = await startWorkerProcess(t, {
      DATABASE_URL: url,
      TOKEN_CLEANUP_BATCH_SIZE: '1',
    })
    await waitFor(async () => (await remainingSessions(db)).size < 20_000, { what: 'the first rows to go' })
    const { code, stdout } = await worker.stop()
    const left = (await remainingSessions(db)).size
    t.equal(code, 0, stdout)
    t.ok(left > 0, `${left} sessions are left for the next run`)
    t.match(stdout, `"session_expired":${20_000 - left}`)
    t.equal(await workerConnections(db), 0)
  },
)

async function workerConnections(db: Sql): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    SELECT count(*)::int AS count FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'latchkey-worker'`
  return row?.count ?? 0
}
