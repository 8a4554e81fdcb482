// Attack: whatever fails between an event and a mailbox at the worst moment. Afterwards every mail has arrived, and once.
// Alone: its tests run side by side.
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { startPrivateRedis } from '@latchkey/devstack/testing/private-servers'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import type { Config } from '@latchkey/platform/config/config'
import { queueCounts, queuePrefix } from '@latchkey/platform/queue/queues'
import { mailsAtOnce, relayMails } from '@latchkey/worker/jobs/send-mail/relay-mails'
import { relayOutbox } from '@latchkey/worker/jobs/relay-outbox/relay-outbox'
import { startMailServer, type MailServer } from './support/mail-server.js'
import { countSettled, insertMailEvents, mailRows, moveClock } from './support/mail-rows.js'
import { createTestDeps } from './support/test-deps.js'
import { createInstallation } from './support/test-workers.js'
import { sharedRedisUrl } from './support/worker-env.js'
import { startWorkerProcess } from './support/worker-process.js'

t.jobs = 3 // each has its own installation, and waits for most of its time

const { signal } = new AbortController()
const deadlineMs = 30_000

const settingsFor = ({ port }: MailServer): Partial<Config> => ({
  mailUrl: { host: 'localhost', port, tls: 'off', login: null },
  mailFrom: { name: 'Latchkey', address: 'no-reply@example.com' },
})

const recipientsOf = ({ mails }: MailServer): string[] => mails.flatMap(({ to }) => to).toSorted()

t.test(
  'workers that are killed while they send: at most the mails in their hands come twice, under the same id',
  async (t) => {
    const server = await startMailServer(t)
    server.onMail = async () => {
      await new Promise(setImmediate)
      return null
    }
    const database = await createTestDatabase(t)
    const db = database.owner
    const count = 150
    const expected = await insertMailEvents(db, count)
    const env = {
      DATABASE_URL: database.url,
      REDIS_URL: sharedRedisUrl(),
      REDIS_KEY_PREFIX: redisPrefix(t),
      MAIL_URL: server.url,
      MAIL_FROM: 'no-reply@example.com',
    }
    const { deps } = await createTestDeps(t, {
      redisKeyPrefix: env.REDIS_KEY_PREFIX,
      databaseUrl: database.url,
      databaseUrlTransaction: database.url,
    })
    const workers = await Promise.all([startWorkerProcess(t, env), startWorkerProcess(t, env)])
    await waitFor(() => server.mails.length > 20, { what: 'mails to be sent', deadlineMs, everyMs: 1 })
    await Promise.all(workers.map((worker) => worker.kill()))
    // What a dead worker holds is free when its time has run out.
    const locks = await deps.redis.client.keys(`${queuePrefix(deps.config)}:*:lock`)
    if (locks.length > 0) await deps.redis.client.del(...locks)
    await moveClock(db, 120)
    t.ok((await countSettled(db)) < count, 'they died at work')
    await startWorkerProcess(t, env)
    await waitFor(
      async () => {
        await db`UPDATE outbox SET relayed_at = relayed_at - interval '1 hour'`
        return (await countSettled(db)) === count
      },
      { what: 'the mails', deadlineMs, everyMs: 100 },
    )
    t.same([...new Set(recipientsOf(server))], expected.toSorted(), 'everybody was told')
    const ids = new Set(server.mails.flatMap(({ headers }) => headers.get('message-id') ?? []))
    t.equal(ids.size, count)
    const doubles = server.mails.length - count
    t.ok(doubles <= workers.length * mailsAtOnce, `${doubles} came twice`)
    t.ok((await mailRows(db)).every(({ status }) => status === 'sent'))
  },
)

t.test('two workers with a queue: each mail once, and nothing is left in Redis', async (t) => {
  const server = await startMailServer(t)
  const installation = await createInstallation(t, settingsFor(server))
  const { owner: db } = installation.database
  const expected = await insertMailEvents(db, 110)
  const { deps } = await installation.startWorker()
  await installation.startWorker()
  await waitFor(async () => (await countSettled(db)) === 110, { what: 'the mails', deadlineMs })
  t.same(recipientsOf(server), expected.toSorted())
  await waitFor(
    async () => {
      const counts = await queueCounts(deps.queues.mail)
      return Object.values(counts).every((count) => count === 0)
    },
    { what: 'an empty queue' },
  )
  t.match(await deps.metrics.registry.metrics(), /queue_jobs\{queue="mail",state="failed"\} 0/)
})

t.test('without Redis the mails are sent all the same, by two workers that share them', async (t) => {
  const server = await startMailServer(t)
  const installation = await createInstallation(t, { redisUrl: null, ...settingsFor(server) })
  const { owner: db } = installation.database
  const expected = await insertMailEvents(db, 60)
  await installation.startWorker()
  await installation.startWorker()
  await waitFor(async () => (await countSettled(db)) === 60, { what: 'the mails', deadlineMs })
  t.same(recipientsOf(server), expected.toSorted())
})

t.test('Redis dies with the jobs of mails in it, and comes back empty', async (t) => {
  const redis = await startPrivateRedis(t)
  const server = await startMailServer(t)
  const { deps, db } = await createTestDeps(t, { redisUrl: redis.url, ...settingsFor(server) })
  await waitFor(() => deps.redis.isAvailable(), { what: 'Redis' })
  const expected = await insertMailEvents(db, 20)
  await relayOutbox({ ...deps, redis: { ...deps.redis, isAvailable: () => false } }, signal)
  await relayMails(deps, signal)
  const waiting = await queueCounts(deps.queues.mail)
  t.equal(waiting.prioritized + waiting.waiting, 20)
  await moveClock(db, 3600)
  await relayMails(deps, signal)
  const again = await queueCounts(deps.queues.mail)
  t.equal(again.prioritized + again.waiting, 20, 'what waits is not queued twice')

  await deps.redis.client.flushall()
  await redis.kill()
  await waitFor(() => !deps.redis.isAvailable(), { what: 'the outage to be noticed' })
  await moveClock(db, 3600)
  await relayMails(deps, signal)
  t.same(recipientsOf(server), expected.toSorted())
})

t.test('the mail server goes away and comes back: mails wait, none is lost, none is given up', async (t) => {
  const server = await startMailServer(t)
  await server.close()
  const installation = await createInstallation(t, { ...settingsFor(server), jobMaxAttempts: 1 })
  const { owner: db } = installation.database
  const { lines } = await installation.startWorker()
  const expected = await insertMailEvents(db, 40)
  await waitFor(async () => (await mailRows(db)).length === 40, { what: 'the rows', deadlineMs })
  const told = (pattern: RegExp) => lines.filter(({ msg }) => pattern.test(msg)).length
  await waitFor(() => told(/mail server is away/) > 0, { what: 'the outage to be told', deadlineMs })
  const back = await startMailServer(t, {}, server.port)
  await waitFor(async () => (await countSettled(db)) === 40, { what: 'the mails', deadlineMs })
  t.same(recipientsOf(back), expected.toSorted())
  t.equal(told(/mail server is away/), 1)
  t.equal(told(/mail server is back/), 1)
  t.ok((await mailRows(db)).every(({ status, attempts }) => status === 'sent' && attempts === 0))
})

t.test(
  'in production without a mail server: the start says so, and mails are counted as skipped',
  async (t) => {
    const { deps, db, lines } = await createTestDeps(t, { nodeEnv: 'production', redisUrl: null })
    t.ok(lines.some(({ level, msg }) => level === 'warn' && msg.startsWith('MAIL_URL is not set')))
    await insertMailEvents(db, 2)
    await relayOutbox(deps, signal)
    await relayMails(deps, signal)
    t.match(await mailRows(db), [{ status: 'skipped', reason: 'MAIL_URL is not set' }, { status: 'skipped' }])
    t.match(
      await deps.metrics.registry.metrics(),
      'mail_sent_total{template="session-reuse",status="skipped"} 2',
    )
  },
)

t.test(
  'PostgreSQL does not answer right after the server has taken a mail: the mail does not come twice',
  async (t) => {
    const server = await startMailServer(t)
    const settings = { redisUrl: null, dbStatementTimeoutMs: 300, ...settingsFor(server) }
    const { deps, db, lines } = await createTestDeps(t, settings)
    await insertMailEvents(db, 1)
    await relayOutbox(deps, signal)
    let isOver = Promise.resolve()
    const isTold = () => lines.some(({ msg }) => /PostgreSQL is away to be told/.test(msg))
    server.onMail = () =>
      new Promise((answer) => {
        isOver = db.begin(async (transaction) => {
          await transaction`LOCK TABLE mails IN EXCLUSIVE MODE`
          answer(null)
          await waitFor(isTold, { what: 'the outage to be noticed' })
        })
      })
    await relayMails(deps, signal)
    await isOver
    t.match(await mailRows(db), [{ status: 'sent', claims: 1 }])
    t.equal(server.mails.length, 1)
  },
)
