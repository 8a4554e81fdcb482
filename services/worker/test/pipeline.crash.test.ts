/**
 * An event whose action was acknowledged is never lost and never doubled, and the log can be proved, whoever dies: the worker (SIGKILL),
 * Redis with all that it held, PostgreSQL.
 */
// Alone: its tests run side by side.
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startPrivatePostgres, startPrivateRedis } from '@latchkey/devstack/testing/private-servers'
import { createTestDatabase, testDatabaseConfig } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import { verifyLog } from '@latchkey/platform/audit-chain/verify-log'
import { connectDatabase, type Sql } from '@latchkey/platform/database/client'
import { migrate } from '@latchkey/platform/database/migrate'
import { queueCounts, queuePrefix } from '@latchkey/platform/queue/queues'
import { createEventReporter } from '@latchkey/platform/security-events/event-reporter'
import type { Deps } from '@latchkey/worker/deps'
import { countOutbox, countPersisted, insertIntoOutbox, persistedIds, someEvents } from './support/events.js'
import { createTestDeps } from './support/test-deps.js'
import { sharedRedisUrl } from './support/worker-env.js'
import { startWorkerProcess } from './support/worker-process.js'

t.setTimeout(240_000)
t.jobs = 4 // each has its own stores and waits for them most of the time
const deadlineMs = 90_000

t.test('killed while it persists: another worker does it again, once', async (t) => {
  const { deps, db, env, report } = await createPipeline(t)
  const expected: string[] = []
  const worker = await startWorkerProcess(t, env)
  await db.begin(async (transaction) => {
    await transaction`LOCK TABLE security_events IN SHARE MODE` // readers pass, writers wait: the job stays under way
    expected.push(...(await insertIntoOutbox(db, 700)), ...(await report(50)))
    await waitFor(async () => (await queueCounts(deps.queues.securityEvents)).active > 0, {
      what: 'a job under way',
      deadlineMs,
    })
    await worker.kill()
  })
  await letLeasesRunOut({ deps, db })
  await startWorkerProcess(t, env)
  await waitFor(async () => (await countPersisted(db)) >= expected.length, {
    what: 'the events',
    deadlineMs,
  })
  await isWhole(t, deps, expected)
  await waitFor(async () => (await countOutbox(db)) === 0, { what: 'an empty outbox', deadlineMs })
})

t.test('killed again and again under load', async (t) => {
  const { deps, db, env, report } = await createPipeline(t)
  const expected: string[] = []
  const loading = new AbortController()
  const load = (async () => {
    while (!loading.signal.aborted) {
      expected.push(...(await insertIntoOutbox(db, 20)), ...(await report(2)))
      await pause(10) // two thousand events a second at most
    }
  })()
  for (let life = 1; life <= 3; life++) {
    const worker = await startWorkerProcess(t, env)
    const before = await countPersisted(db)
    await waitFor(async () => (await countPersisted(db)) > before, {
      what: `work in life ${life}`,
      deadlineMs,
    })
    await worker.kill()
  }
  loading.abort()
  await load
  await letLeasesRunOut({ deps, db })
  await startWorkerProcess(t, env)
  await waitFor(async () => (await countPersisted(db)) >= expected.length, {
    what: 'the events',
    deadlineMs,
  })
  await isWhole(t, deps, expected)
})

t.test('Redis loses the jobs that it held: the outbox still has their events', async (t) => {
  const redis = await startPrivateRedis(t)
  const { deps, db, env } = await createPipeline(t, { redisUrl: redis.url })
  const expected: string[] = []
  await startWorkerProcess(t, env)
  await db.begin(async (transaction) => {
    await transaction`LOCK TABLE security_events IN SHARE MODE`
    expected.push(...(await insertIntoOutbox(db, 3000)))
    const { securityEvents } = deps.queues
    await waitFor(async () => (await queueCounts(securityEvents)).active > 0, {
      what: 'jobs under way',
      deadlineMs,
    })
    await waitFor(async () => (await countNeverRelayed(db)) === 0, { what: 'all to be relayed', deadlineMs })
    await deps.redis.client.flushall()
  })
  await letLeasesRunOut({ deps, db })
  await waitFor(async () => (await countPersisted(db)) >= expected.length, {
    what: 'the events',
    deadlineMs,
  })
  await isWhole(t, deps, expected)
})

t.test('PostgreSQL dies with jobs in the queue: they wait for it and use up no attempt', async (t) => {
  const postgres = await startPrivatePostgres(t)
  await migrate(postgres.url)
  const { deps, db, env, report } = await createPipeline(t, { databaseUrl: postgres.url })
  await startWorkerProcess(t, { ...env, DB_CONN_TIMEOUT_MS: '500' })
  const expected = await insertIntoOutbox(db, 10)
  await waitFor(async () => (await countPersisted(db)) === 10, { what: 'the first events', deadlineMs })

  await postgres.kill()
  expected.push(...(await report(100)))
  await waitFor(async () => (await queueCounts(deps.queues.securityEvents)).delayed > 0, {
    what: 'a job that waits',
    deadlineMs,
  })
  await postgres.start()
  await waitFor(async () => (await countPersisted(db)) >= expected.length, {
    what: 'the events',
    deadlineMs,
  })
  await isWhole(t, deps, expected)
  t.equal((await queueCounts(deps.queues.securityEvents)).failed, 0)
})

interface Pipeline {
  readonly deps: Deps
  readonly db: Sql
  /** Of a worker process on the same stores. */
  readonly env: Record<string, string>
  /** Events without a change of state, straight into the queue. Answers their ids. */
  report(count: number): Promise<string[]>
}

async function createPipeline(
  t: Test,
  { redisUrl = sharedRedisUrl(), databaseUrl }: { redisUrl?: string; databaseUrl?: string } = {},
): Promise<Pipeline> {
  const url = databaseUrl ?? (await createTestDatabase(t)).url
  const redisKeyPrefix = redisPrefix(t)
  const stores = { redisUrl, redisKeyPrefix, databaseUrl: url, databaseUrlTransaction: url }
  const { deps } = await createTestDeps(t, { ...stores, jobMaxAttempts: 1 })
  const db = connectDatabase(testDatabaseConfig(url), {
    role: null,
    pool: 'session',
    applicationName: 'latchkey-test',
  })
  t.teardown(() => db.end())
  const reporter = createEventReporter({ queue: deps.queues.securityEvents, sql: db, log: deps.log })
  await waitFor(() => deps.redis.isAvailable(), { what: 'Redis' })
  return {
    deps,
    db,
    env: { DATABASE_URL: url, REDIS_URL: redisUrl, REDIS_KEY_PREFIX: redisKeyPrefix },
    async report(count) {
      const events = someEvents(count)
      await Promise.all(events.map((event) => reporter.report(event)))
      return events.map(({ id }) => id)
    },
  }
}

/** Each event is stored once, and the log is what was stored. */
async function isWhole(t: Test, { sql, keyring }: Deps, expected: readonly string[]): Promise<void> {
  t.same(await persistedIds(sql), expected.toSorted(), `${expected.length} events`)
  const { findings, events, lastSeq } = await verifyLog({ sql, keyring })
  t.same(findings, [])
  t.equal(events, lastSeq)
  t.ok(events >= BigInt(expected.length))
}

/**
 * Moves the clock on for what a dead worker has left: its jobs are free when their locks have run out, and what it relayed is
 * relayed again a minute later.
 */
async function letLeasesRunOut({ deps, db }: Pick<Pipeline, 'deps' | 'db'>): Promise<void> {
  const { client } = deps.redis
  const locks = await client.keys(`${queuePrefix(deps.config)}:*:lock`)
  if (locks.length > 0) await client.del(...locks)
  await db`UPDATE outbox SET relayed_at = relayed_at - interval '1 hour'`
}

async function countNeverRelayed(db: Sql): Promise<number> {
  const [row] = await db<
    { count: number }[]
  >`SELECT count(*)::int AS count FROM outbox WHERE relayed_at IS NULL`
  return row?.count ?? 0
}
