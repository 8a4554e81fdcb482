// Attack: from the event that the api leaves behind to the answer, whatever dies or is away in between: each alert, mail and act once, within 5 s.
// Alone: it starts servers and processes of its own.
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import { defaultActions } from '@latchkey/contracts/alerts'
import type { Config } from '@latchkey/platform/config/config'
import type { Sql } from '@latchkey/platform/database/client'
import { queuePrefix } from '@latchkey/platform/queue/queues'
import { startMailServer } from './support/mail-server.js'
import { insertSessions, insertUser } from './support/session-rows.js'
import { createTestDeps } from './support/test-deps.js'
import { createInstallation } from './support/test-workers.js'
import { sharedRedisUrl } from './support/worker-env.js'
import { startWorkerProcess } from './support/worker-process.js'

const promisedSeconds = 5
const deadlineMs = 30_000

interface Left {
  type: string
  count?: number
  /** Null for names that nobody has. */
  userId?: string | null
  ip: string
  data?: object
}

/** As the api leaves them in the outbox. */
const leave = (db: Sql, { type, count = 1, userId = null, ip, data = {} }: Left) => db`
  INSERT INTO outbox (type, severity, user_id, ip, user_agent, data)
  SELECT ${type}, 'notice', ${userId}::uuid, ${ip}::inet, 'Firefox/1.0',
    ${JSON.stringify(data)}::text::jsonb || jsonb_build_object('target', n::text)
  FROM generate_series(1, ${count}::int) AS n`

/** What a morning leaves as well, and is no attack. */
async function leaveNoise(db: Sql): Promise<void> {
  for (let person = 0; person < 5; person += 1) {
    const userId = await insertUser(db)
    const ip = '192.0.2.1'
    await leave(db, { type: 'login.failed', count: 3, userId, ip, data: { reason: 'wrong_password' } })
    await leave(db, { type: 'login.succeeded', userId, ip, data: { amr: ['pwd'] } })
    await leave(db, { type: 'mfa.failed', count: 2, userId, ip })
  }
}

const alertsOf = (db: Sql) => db`
  SELECT rule, user_id, incidents, event_count::int, actions FROM alerts ORDER BY rule, created_at`
const toldOf = (db: Sql) => db`SELECT FROM security_events WHERE type = 'alert.raised'`

for (const [name, settings] of [
  ['two workers', {}],
  ['two workers without Redis', { redisUrl: null }],
] as const satisfies [string, Partial<Config>][])
  t.test(`${name}: three attacks among the traffic of a morning`, async (t) => {
    const server = await startMailServer(t)
    const installation = await createInstallation(t, {
      ...settings,
      mailUrl: { host: 'localhost', port: server.port, tls: 'off', login: null },
      mailFrom: { name: 'Latchkey', address: 'no-reply@example.com' },
      alertMailTo: ['ops@example.com'],
      detectionActions: {
        ...defaultActions,
        'mfa-fatigue': ['mail_owner', 'end_sessions', 'mail_operators'],
      },
    })
    const { owner: db } = installation.database
    const { deps } = await installation.startWorker()
    await installation.startWorker()
    await leaveNoise(db)
    const robbed = await insertUser(db)
    const pestered = await insertUser(db)
    const [session = ''] = await insertSessions(db, pestered)
    const reason = 'unknown_account'
    await leave(db, { type: 'session.reuse_detected', userId: robbed, ip: '203.0.113.1' })
    await leave(db, { type: 'mfa.challenged', count: 8, userId: pestered, ip: '203.0.113.2' })
    await leave(db, { type: 'login.failed', count: 20, ip: '203.0.113.3', data: { reason } })

    const addressees = () =>
      server.mails.map(({ to, headers }) => `${to.join()} ${headers.get('subject')?.join()}`)
    const expected = [
      `${pestered}@example.com Something unusual about your account at localhost:8000`,
      `${robbed}@example.com A device was signed out of your account at localhost:8000`,
      ...['credential-stuffing', 'mfa-fatigue', 'refresh-reuse'].map(
        (rule) => `ops@example.com localhost:8000: alert ${rule}`,
      ),
    ]
    await waitFor(() => server.mails.length >= expected.length, { what: 'the mails', deadlineMs })
    t.same(addressees().toSorted(), expected.toSorted())
    const ofOnce = { incidents: 1 }
    t.match(await alertsOf(db), [
      { ...ofOnce, rule: 'credential-stuffing', userId: null, eventCount: 20, actions: ['mail_operators'] },
      { ...ofOnce, rule: 'mfa-fatigue', userId: pestered, eventCount: 8 },
      { ...ofOnce, rule: 'refresh-reuse', userId: robbed, eventCount: 1 },
    ])
    t.equal((await alertsOf(db)).length, 3)
    const [slowest] = await db<{ seconds: number }[]>`
      SELECT max(extract(epoch FROM created_at - last_at))::float8 AS seconds FROM alerts`
    t.ok(Number(slowest?.seconds) < promisedSeconds, `after ${slowest?.seconds} s`)
    t.equal(await deps.revocations.check(session, 1), 'revoked')
    await waitFor(async () => (await toldOf(db)).length === 3, { what: 'the log to have them' })
  })

t.test(
  'workers that are killed while they raise alerts: none is missing and none is there twice',
  async (t) => {
    const database = await createTestDatabase(t)
    const db = database.owner
    const env = {
      DATABASE_URL: database.url,
      REDIS_URL: sharedRedisUrl(),
      REDIS_KEY_PREFIX: redisPrefix(t),
      DETECTION_ACTIONS: 'refresh-reuse=end_sessions',
    }
    const { deps } = await createTestDeps(t, { redisKeyPrefix: env.REDIS_KEY_PREFIX }, { database })
    const count = 100
    await db`
    WITH people AS (
      INSERT INTO users (id, email) SELECT id, id || '@example.com' FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, ${count}::int)) AS ids
      RETURNING id
    ), sessions AS (
      INSERT INTO sessions (id, user_id, idle_expires_at, absolute_expires_at)
      SELECT gen_random_uuid(), id, now() + interval '1 hour', now() + interval '1 hour' FROM people
    )
    INSERT INTO outbox (type, severity, user_id, ip) SELECT 'session.reuse_detected', 'critical', id, '203.0.113.7' FROM people`
    const workers = await Promise.all([startWorkerProcess(t, env), startWorkerProcess(t, env)])
    // The first that is locked is being raised by a transaction that has not come to its end.
    const isRaising = async () => {
      const [row] = await db<{ isRaising: boolean }[]>`
      SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'alerts'::regclass AND mode = 'RowExclusiveLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS is_raising`
      return row?.isRaising === true
    }
    await waitFor(isRaising, { what: 'alerts to be raised', deadlineMs, everyMs: 1 })
    await Promise.all(workers.map((worker) => worker.kill()))
    // What a dead worker holds is free when its time has run out.
    const locks = await deps.redis.client.keys(`${queuePrefix(deps.config)}:*:lock`)
    if (locks.length > 0) await deps.redis.client.del(...locks)
    await startWorkerProcess(t, env)
    await waitFor(
      async () => {
        await db`UPDATE outbox SET relayed_at = relayed_at - interval '1 hour'`
        return (await toldOf(db)).length >= count
      },
      { what: 'all of them', deadlineMs, everyMs: 100 },
    )
    const [found] = await db`
    SELECT count(*)::int AS alerts, count(DISTINCT user_id)::int AS users, max(incidents) AS incidents, max(event_count)::int AS events
    FROM alerts`
    t.same(found, { alerts: count, users: count, incidents: 1, events: 1 })
    t.equal((await toldOf(db)).length, count)
    t.same(await db`SELECT FROM sessions WHERE revoked_at IS NULL`, [])
  },
)
