// Attack: a log, or a queue, that goes on naming somebody who was erased. And one that can be made to forget somebody who was not.
import t from 'tap'
import { persistSecurityEventsJob } from '@latchkey/contracts/queues'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import { relayOutbox } from '@latchkey/platform/security-events/relay-outbox'
import { pseudonymiseErased } from '@latchkey/worker/jobs/pseudonymise-erased/pseudonymise-erased'
import { sendMail } from '@latchkey/worker/jobs/send-mail/send-mail'
import { waitFor } from '@latchkey/devstack/wait-for'
import { startMailServer } from './support/mail-server.js'
import { insertSessions, insertUser } from './support/session-rows.js'
import { createTestDeps } from './support/test-deps.js'

const { signal } = new AbortController()
const server = await startMailServer(t)
const { deps, db } = await createTestDeps(t, {
  mailUrl: { host: 'localhost', port: server.port, tls: 'off', login: null },
  mailFrom: { name: 'Latchkey', address: 'no-reply@example.com' },
})
const { sql } = deps
await waitFor(() => deps.redis.isAvailable(), { what: 'Redis' })

const noRevocations = { repeat: async () => undefined }
const traces = { ip: '203.0.113.7', userAgent: 'Firefox/1.0', requestId: 'request-1', traceId: 'trace-1' }

/** As the api does it; what it tells is stored, and the first look is due. */
async function erase(userId: string, actorId = userId): Promise<{ pseudonym: string }> {
  await db`SELECT erase_person(${userId}, ${actorId}, NULL, ${traces.ip}, ${traces.userAgent}, 'request-2')`
  await relayOutbox({ sql, queue: null, revocations: noRevocations, batch: 1000 })
  await makeDue(userId)
  const [row] = await db<{ pseudonym: string }[]>`SELECT pseudonym FROM erasures WHERE user_id = ${userId}`
  if (row === undefined) throw new Error('not erased')
  return row
}

const makeDue = (userId: string) => db`UPDATE erasures SET due_at = now() WHERE user_id = ${userId}`

const eventsOf = (id: string) => db`
  SELECT type, actor_id, session_id, host(ip) AS ip, user_agent, request_id, trace_id, data
  FROM security_events WHERE user_id = ${id} ORDER BY occurred_at, id`

t.test('events stay under a pseudonym, with what they tell of the event and not of the person', async (t) => {
  const userId = await insertUser(db)
  const bystander = await insertUser(db)
  const [sessionId = null] = await insertSessions(db, userId)
  const device = { deviceName: 'Ada’s phone', amr: ['pwd'], newDevice: true }
  const others = { userId: bystander, ...traces, data: device }
  await persistSecurityEvents(sql, [
    newSecurityEvent('login.succeeded', { userId, sessionId, ...traces, data: device }),
    newSecurityEvent('login.failed', { userId, ...traces, data: { reason: 'wrong_password', of: 'Ada' } }),
    newSecurityEvent('login.succeeded', others),
  ])
  const { pseudonym } = await erase(userId)
  await pseudonymiseErased(deps, signal)

  t.same(await eventsOf(userId), [])
  const nothing = { sessionId: null, ip: null, userAgent: null, requestId: null, traceId: null }
  t.same(await eventsOf(pseudonym), [
    { type: 'login.succeeded', actorId: null, ...nothing, data: { amr: ['pwd'], newDevice: true } },
    { type: 'login.failed', actorId: null, ...nothing, data: { reason: 'wrong_password' } },
    { type: 'session.revoked', actorId: pseudonym, ...nothing, data: { reason: 'user_deleted' } },
    { type: 'user.deleted', actorId: pseudonym, ...nothing, data: {} },
  ])
  t.match(await eventsOf(bystander), [{ ...traces, data: device }], 'nobody else is touched')
  t.not(pseudonym, userId)
})

t.test('who acted on somebody else is told apart from who was acted on', async (t) => {
  const admin = await insertUser(db)
  const person = await insertUser(db)
  const act = { action: 'user.changed', fields: ['name'] }
  await persistSecurityEvents(sql, [
    newSecurityEvent('admin.acted', {
      userId: person,
      actorId: admin,
      sessionId: newId(),
      ...traces,
      data: act,
    }),
    newSecurityEvent('client.created', { actorId: admin, ...traces, data: { name: 'Shop' } }),
  ])
  const { pseudonym } = await erase(person, admin)
  await pseudonymiseErased(deps, signal)
  t.match(
    await eventsOf(pseudonym),
    [
      { type: 'admin.acted', actorId: admin, sessionId: null, ...traces, data: act },
      { type: 'user.deleted', actorId: admin, ip: traces.ip, data: {} },
    ],
    'whence the admin came tells of the admin',
  )

  const erasedAdmin = await erase(admin)
  await pseudonymiseErased(deps, signal)
  const nothing = { sessionId: null, ip: null, userAgent: null, requestId: null, traceId: null }
  t.match(await eventsOf(pseudonym), [
    { type: 'admin.acted', actorId: erasedAdmin.pseudonym, ...nothing, data: act },
    { type: 'user.deleted', actorId: erasedAdmin.pseudonym, ...nothing },
  ])
  t.match(
    await db`SELECT actor_id, user_agent, data FROM security_events WHERE type = 'client.created'`,
    [{ actorId: erasedAdmin.pseudonym, userAgent: null, data: { name: 'Shop' } }],
    'what the act was about stays',
  )
})

t.test('more events than a statement takes, in several months', async (t) => {
  const userId = await insertUser(db)
  await db`
    INSERT INTO security_events (id, occurred_at, type, severity, user_id, ip)
    SELECT gen_random_uuid(), now() - make_interval(hours => n), 'login.failed', 'notice', ${userId}, '203.0.113.7'
    FROM generate_series(1, 2500) AS n`
  const { pseudonym } = await erase(userId)
  await pseudonymiseErased(deps, signal)
  t.same(
    await db`
      SELECT count(*)::int AS events, count(ip)::int AS addresses FROM security_events WHERE user_id = ${pseudonym}`,
    [{ events: 2501, addresses: 0 }],
  )
  t.same(await eventsOf(userId), [])
})

t.test(
  'what comes late is found by a later look, and in the end nobody knows whose pseudonym it was',
  async (t) => {
    const userId = await insertUser(db)
    const { pseudonym } = await erase(userId)
    const pauses: number[] = []
    for (let look = 1; look <= 5; look += 1) {
      await persistSecurityEvents(sql, [newSecurityEvent('login.failed', { userId, ...traces })])
      await makeDue(userId)
      await pseudonymiseErased(deps, signal)
      t.same(await eventsOf(userId), [], `look ${look}`)
      t.equal((await eventsOf(pseudonym)).length, 1 + look)
      const [row] = await db<{ pause: number }[]>`
      SELECT round(extract(epoch FROM due_at - now()))::int AS pause FROM erasures WHERE user_id = ${userId}`
      if (row !== undefined) pauses.push(row.pause)
    }
    t.same(pauses, [60, 3600, 86_400, 2_592_000])
  },
)

t.test('failed jobs keep that something happened, and not to whom', async (t) => {
  const userId = await insertUser(db)
  const bystander = await insertUser(db)
  const { securityEvents: queue } = deps.queues
  const theirs = newSecurityEvent('login.failed', { userId: bystander, ...traces, data: { of: 'Grace' } })
  const own = newSecurityEvent('login.failed', { userId, sessionId: newId(), ...traces, data: { of: 'Ada' } })
  const failed = { attemptsMade: 1, failedReason: 'refused' }
  const keys: string[] = []
  for (const data of [
    { events: [theirs, own] },
    { broken: userId },
    { events: [theirs] },
    { broken: bystander },
  ]) {
    const job = await queue.add(persistSecurityEventsJob, data)
    keys.push(job.id ?? '')
    // As a worker leaves a job that it has given up.
    const prefix = queue.toKey('')
    await deps.redis.client
      .multi()
      .lrem(`${prefix}wait`, 0, job.id ?? '')
      .zadd(`${prefix}failed`, Date.now(), job.id ?? '')
      .hset(`${prefix}${job.id}`, failed)
      .exec()
  }
  const { pseudonym } = await erase(userId)
  await pseudonymiseErased(deps, signal)

  const jobs = new Map((await queue.getFailed()).map((job) => [job.id, job.data]))
  const nothing = { sessionId: null, ip: null, userAgent: null, requestId: null, traceId: null, data: {} }
  t.same(jobs.get(keys[0]), { events: [theirs, { ...own, ...nothing, userId: pseudonym }] })
  t.same(jobs.get(keys[1]), {})
  t.same(jobs.get(keys[2]), { events: [theirs] })
  t.same(jobs.get(keys[3]), { broken: bystander })
})

t.test('the last mail goes to the address and in the language of before, and leaves nothing', async (t) => {
  const userId = await insertUser(db)
  await db`UPDATE users SET name = 'Ada', locale = 'en-GB' WHERE id = ${userId}`
  await erase(userId)
  const mails = await db<{ eventId: string; data: Record<string, unknown> }[]>`
    SELECT event_id, data FROM mails WHERE user_id = ${userId}`
  t.match(mails, [{ data: { address: `${userId}@example.com`, locale: 'en-GB' } }])
  await pseudonymiseErased(deps, signal)
  const [waiting] = await db`SELECT status FROM mails WHERE user_id = ${userId}`
  t.same(waiting, { status: null }, 'a look leaves it alone while it waits')

  t.equal(await sendMail(deps, { eventId: mails[0]?.eventId ?? '', template: 'account-deleted' }), 'sent')
  t.match(server.mails.at(-1), { to: [`${userId}@example.com`] })
  await makeDue(userId)
  await pseudonymiseErased(deps, signal)
  t.same(await db`SELECT FROM mails WHERE user_id = ${userId}`, [])
})

t.test('nobody who is still there can be made to look like nobody', async (t) => {
  const userId = await insertUser(db)
  await persistSecurityEvents(sql, [newSecurityEvent('login.failed', { userId, ...traces })])
  t.same(await sql`SELECT pseudonymise_events(${userId}, 10) AS changed`, [{ changed: 0 }])
  await t.rejects(Promise.resolve(sql`INSERT INTO erasures (user_id, due_at) VALUES (${userId}, now())`), {
    code: '42501',
  })
  await db`INSERT INTO erasures (user_id, due_at) VALUES (${userId}, now())`
  t.same(await sql`SELECT pseudonymise_events(${userId}, 10) AS changed`, [{ changed: 0 }])
  t.match(await eventsOf(userId), [traces])
})

t.test('while Redis is away the log is done with, and the rest is not forgotten', async (t) => {
  const { deps: cutOff, db: other } = await createTestDeps(t, { redisUrl: 'redis://127.0.0.1:1' })
  const userId = await insertUser(other)
  await persistSecurityEvents(cutOff.sql, [newSecurityEvent('login.failed', { userId, ...traces })])
  await other`SELECT erase_person(${userId}, ${userId}, NULL, NULL, NULL, NULL)`
  await other`UPDATE erasures SET due_at = now()`
  await pseudonymiseErased(cutOff, signal)
  t.same(await other`SELECT FROM security_events WHERE user_id = ${userId}`, [])
  t.match(await other`SELECT looks, due_at > now() AS is_leased FROM erasures`, [
    { looks: 0, isLeased: true },
  ])
})

t.test(
  'an alert outlives who it is about and who has seen to it, under the pseudonyms of the log',
  async (t) => {
    const userId = await insertUser(db)
    const adminId = await insertUser(db)
    await db`
    INSERT INTO alerts (rule, subject, severity, user_id, ip, event_count, event_ids, first_at, last_at, data, acknowledged_at, acknowledged_by, note)
    VALUES ('brute-force', 'user ' || ${userId}::text, 'warning', ${userId}, ${traces.ip}, 10, '{}', now(), now(), '{"of": "Ada"}',
      now(), ${adminId}, 'called Ada')`
    const { pseudonym } = await erase(userId)
    const { pseudonym: adminPseudonym } = await erase(adminId)
    await pseudonymiseErased(deps, signal)
    t.same(
      await db`SELECT rule, subject, user_id, ip, event_count::int, data, acknowledged_by, note FROM alerts`,
      [
        {
          rule: 'brute-force',
          subject: `user ${pseudonym}`,
          userId: pseudonym,
          ip: null,
          eventCount: 10,
          data: {},
          acknowledgedBy: adminPseudonym,
          note: null,
        },
      ],
    )
  },
)
