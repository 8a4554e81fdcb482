/** Cleanup deletes what has ended and nothing else: a live session that vanished would sign its owner out at random. */
import t from 'tap'
import { waitFor } from '@latchkey/devstack/wait-for'
import {
  cleanExpiredTokens,
  nothingCleaned,
} from '@latchkey/worker/jobs/clean-expired-tokens/clean-expired-tokens'
import { countSessionPages, endedSessionsDeletion } from '@latchkey/worker/jobs/clean-expired-tokens/queries'
import { walkSessions } from '@latchkey/worker/jobs/clean-expired-tokens/walk-sessions'
import {
  insertChallenges,
  insertGuessCounters,
  insertOneTimeTokens,
  insertFederationSteps,
  insertPasskeyChallenges,
  insertRememberedDevices,
  insertSessions,
  insertUser,
  remainingSessions,
} from './support/session-rows.js'
import { createTestDeps } from './support/test-deps.js'

const { signal } = new AbortController()
/** Access token life of 15 minutes and the leeway of 30 s. */
const keepRevokedSeconds = 930

t.test('deletes each kind of ended row, keeps the rest, and says how many of which', async (t) => {
  const { deps, db, lines } = await createTestDeps(t)
  const userId = await insertUser(db)
  const kept = await Promise.all([
    insertSessions(db, userId, {}, 3),
    insertSessions(db, userId, { idle: 60 }, 2),
    insertSessions(db, userId, { revoked: -5 }, 2),
    insertSessions(db, userId, { revoked: 60 - keepRevokedSeconds }, 2),
    // Revoked and then expired: its access tokens may live, so the denylist may still have to be rebuilt from it.
    insertSessions(db, userId, { revoked: -60, idle: -30 }, 2),
    insertSessions(db, userId, { revoked: -60, absolute: -30 }, 2),
  ])
  await insertSessions(db, userId, { idle: -1 }, 4)
  await insertSessions(db, userId, { absolute: -1 }, 5)
  await insertSessions(db, userId, { revoked: -1 - keepRevokedSeconds }, 6)
  await insertOneTimeTokens(db, -1, 7)
  await insertOneTimeTokens(db, 60, 2)
  await insertChallenges(db, -1, 5)
  await insertChallenges(db, 60, 3)
  await insertPasskeyChallenges(db, -1, 4)
  await insertPasskeyChallenges(db, 60, 1)
  await insertRememberedDevices(db, -1, 6)
  await insertRememberedDevices(db, 60, 2)
  await insertGuessCounters(db, -1 - 86_400, 8)
  await insertGuessCounters(db, 60 - 86_400, 2)
  await insertGuessCounters(db, 86_400, 1)

  await insertFederationSteps(db, -1, 3)
  await insertFederationSteps(db, 60, 2)

  const cleaned = await cleanExpiredTokens(deps, { signal })

  const expected = {
    ...nothingCleaned,
    session_expired: 9,
    session_revoked: 6,
    one_time_token: 7,
    sign_in_challenge: 5,
    passkey_challenge: 4,
    federation_step: 3,
    remembered_device: 6,
    guess_counter: 8,
  }
  t.same(cleaned, expected)
  t.same([...(await remainingSessions(db))].toSorted(), kept.flat().toSorted())
  const [tokens] = await db<{ count: number }[]>`SELECT count(*)::int AS count FROM one_time_tokens`
  t.equal(tokens?.count, 2)
  const [challenges] = await db<{ count: number }[]>`SELECT count(*)::int AS count FROM sign_in_challenges`
  t.equal(challenges?.count, 3)
  const [passkeys] = await db<{ count: number }[]>`SELECT count(*)::int AS count FROM passkey_challenges`
  t.equal(passkeys?.count, 1)
  const [steps] = await db<{ count: number }[]>`SELECT count(*)::int AS count FROM federation_steps`
  t.equal(steps?.count, 2)
  const [devices] = await db<{ count: number }[]>`SELECT count(*)::int AS count FROM remembered_devices`
  t.equal(devices?.count, 2)
  const [counters] = await db<{ count: number }[]>`SELECT count(*)::int AS count FROM guess_counters`
  t.equal(counters?.count, 3)

  const text = await deps.metrics.registry.metrics()
  t.match(text, 'token_cleanup_deleted_total{kind="session_expired"} 9')
  t.match(text, 'token_cleanup_deleted_total{kind="session_revoked"} 6')
  t.match(text, 'token_cleanup_deleted_total{kind="one_time_token"} 7')
  t.match(text, 'token_cleanup_deleted_total{kind="sign_in_challenge"} 5')
  t.match(text, 'token_cleanup_deleted_total{kind="passkey_challenge"} 4')
  t.match(text, 'token_cleanup_deleted_total{kind="remembered_device"} 6')
  t.match(text, 'token_cleanup_deleted_total{kind="guess_counter"} 8')
  t.match(text, 'token_cleanup_duration_seconds_count 1')
  t.match(
    lines.find(({ msg }) => msg.includes('deleted')),
    { ...expected, ms: Number },
  )

  t.same(await cleanExpiredTokens(deps, { signal }), nothingCleaned)
})

t.test('no statement deletes more than a batch, and batches of any size find everything', async (t) => {
  const { deps, db } = await createTestDeps(t)
  const userId = await insertUser(db)
  for (const batchSize of [1, 7, 100, 100_000]) {
    for (let round = 0; round < 4; round++) {
      await insertSessions(db, userId, { idle: -1 }, 100)
      await insertSessions(db, userId, {}, 30)
    }
    const live = await insertSessions(db, userId, {}, 1)
    const batches: number[] = []
    await walkSessions(deps.sql, {
      batchSize,
      keepRevokedSeconds,
      signal,
      onBatch: ({ expired, revoked }) => batches.push(expired + revoked),
    })
    t.ok(Math.max(...batches) <= batchSize, `a batch of ${batchSize}`)
    t.equal(
      batches.reduce((sum, rows) => sum + rows),
      400,
    )
    t.ok((await remainingSessions(db)).has(live[0] ?? ''))
  }
  await insertOneTimeTokens(db, -1, 20)
  const cleaned = await cleanExpiredTokens(
    { ...deps, config: { ...deps.config, tokenCleanupBatchSize: 10 } },
    { signal },
  )
  t.equal(cleaned.one_time_token, 20)
})

t.test('rows that someone has locked are left for the next run, without a wait', async (t) => {
  const { deps, db } = await createTestDeps(t)
  const userId = await insertUser(db)
  const [locked = ''] = await insertSessions(db, userId, { idle: -1 }, 3)
  await insertOneTimeTokens(db, -1, 3)
  await insertChallenges(db, -1, 3)
  await insertPasskeyChallenges(db, -1, 3)
  await insertGuessCounters(db, -90_000, 3)
  await db.begin(async (transaction) => {
    await transaction`SELECT FROM sessions WHERE id = ${locked} FOR UPDATE`
    await transaction`SELECT FROM one_time_tokens ORDER BY id LIMIT 1 FOR UPDATE`
    await transaction`SELECT FROM sign_in_challenges ORDER BY token_hash LIMIT 1 FOR UPDATE`
    await transaction`SELECT FROM passkey_challenges ORDER BY challenge_hash LIMIT 1 FOR UPDATE`
    await transaction`SELECT FROM guess_counters ORDER BY subject LIMIT 1 FOR UPDATE`
    const cleaned = await cleanExpiredTokens(deps, { signal })
    const others = {
      session_expired: 2,
      one_time_token: 2,
      sign_in_challenge: 2,
      passkey_challenge: 2,
      guess_counter: 2,
    }
    t.same(cleaned, { ...nothingCleaned, ...others })
  })
  t.same([...(await remainingSessions(db))], [locked])
  const left = {
    ...nothingCleaned,
    session_expired: 1,
    one_time_token: 1,
    sign_in_challenge: 1,
    passkey_challenge: 1,
    guess_counter: 1,
  }
  t.same(await cleanExpiredTokens(deps, { signal }), left)
})

t.test('a run that is told to stop does so between two batches', async (t) => {
  const { deps, db } = await createTestDeps(t, { tokenCleanupBatchSize: 10 })
  const userId = await insertUser(db)
  await insertSessions(db, userId, { idle: -1 }, 100)
  const stopping = new AbortController()
  const cleaned = await cleanExpiredTokens(deps, {
    signal: stopping.signal,
    onProgress: () => stopping.abort(),
  })
  t.same(cleaned, { ...nothingCleaned, session_expired: 10 })
})

t.test('the walk reads each page once, by ranges, and never the table as a whole', async (t) => {
  const { deps, db } = await createTestDeps(t)
  const userId = await insertUser(db)
  await insertSessions(db, userId, {}, 20_000)
  await db`ANALYZE sessions`
  const pages = await countSessionPages(deps.sql)
  t.ok(pages > 200, `${pages} pages`)

  const range = { from: '(0,0)', beforePage: 64, limit: 1000, keepRevokedSeconds }
  const plan = await deps.sql<Record<string, string>[]>`EXPLAIN ${endedSessionsDeletion(deps.sql, range)}`
  const text = plan.flatMap((line) => Object.values(line)).join('\n')
  t.match(text, 'Tid Range Scan on sessions')
  t.notMatch(text, 'Seq Scan')

  const scansBefore = await sequentialScans()
  let statements = 0
  await walkSessions(deps.sql, {
    batchSize: 1000,
    keepRevokedSeconds,
    signal,
    onBatch: () => (statements += 1),
  })
  t.ok(statements > 2, `${statements} statements`)
  await deps.sql.end()
  await waitFor(async () => (await workerConnections()) === 0, { what: 'the statistics to be whole' })
  t.equal(await sequentialScans(), scansBefore)

  async function sequentialScans(): Promise<bigint | undefined> {
    const [row] = await db<{ scans: bigint }[]>`
      SELECT seq_scan AS scans FROM pg_stat_user_tables WHERE relname = 'sessions'`
    return row?.scans
  }

  async function workerConnections(): Promise<number | undefined> {
    const [row] = await db<{ count: number }[]>`
      SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'latchkey-worker'`
    return row?.count
  }
})
