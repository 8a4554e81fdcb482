// Attack: a crash, a replay or a flood of events that makes a mail of security vanish, or come twice. One event, one row, one mail.
// Alone: what it does before each test is for its own.
import t from 'tap'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import { cleanMails } from '@latchkey/worker/jobs/send-mail/clean-mails'
import { claimMail, settleMail } from '@latchkey/worker/jobs/send-mail/queries'
import { runMailJob } from '@latchkey/worker/jobs/send-mail/run-mail-job'
import { sendMail } from '@latchkey/worker/jobs/send-mail/send-mail'
import { relayOutbox } from '@latchkey/worker/jobs/relay-outbox/relay-outbox'
import { startMailServer } from './support/mail-server.js'
import { countSettled, insertMailEvents, mailRows, moveClock, reuseOf } from './support/mail-rows.js'
import { insertSessions, insertUser } from './support/session-rows.js'
import { createTestDeps } from './support/test-deps.js'

const { signal } = new AbortController()
const server = await startMailServer(t)
const { deps, db, lines } = await createTestDeps(t, {
  redisUrl: null,
  mailUrl: { host: 'localhost', port: server.port, tls: 'off', login: null },
  mailFrom: { name: 'Latchkey', address: 'no-reply@example.com' },
})
const { sql } = deps

t.beforeEach(async () => {
  await db`DELETE FROM mails`
  server.mails.length = 0
  server.onRecipient = () => null
  server.onMail = () => null
})

const skippedSoFar = async (): Promise<number> => {
  const { values } = await deps.metrics.mailSentTotal.get()
  return (
    values.find(({ labels }) => labels.template === 'session-reuse' && labels.status === 'skipped')?.value ??
    0
  )
}

t.test('the events that ask for a mail get one, and no others', async (t) => {
  const userId = await insertUser(db)
  const asking = [
    reuseOf(userId),
    newSecurityEvent('login.succeeded', { userId, data: { newDevice: true, amr: ['pwd'] } }),
    newSecurityEvent('password.changed', { userId }),
  ]
  const others = [
    newSecurityEvent('login.succeeded', { userId, data: { newDevice: false } }),
    newSecurityEvent('login.succeeded', { userId, data: { newDevice: 'true' } }),
    newSecurityEvent('login.succeeded', { userId }),
    newSecurityEvent('login.failed', { userId, data: { newDevice: true } }),
    newSecurityEvent('session.reuse_detected', {}),
  ]
  await persistSecurityEvents(sql, [...others, ...asking])
  const rows = await mailRows(db)
  t.same(
    rows.map(({ eventId, template }) => [eventId, template]),
    asking.map(({ id }, index) => [id, ['session-reuse', 'new-device', 'password-changed'][index]]),
  )
  t.match(rows[0], {
    data: { ip: '203.0.113.7', userAgent: 'Firefox/1.0', occurredAt: String, sessionId: null },
  })
})

t.test(
  'an event that comes again asks for nothing more, however long ago its mail was settled and forgotten',
  async (t) => {
    const event = reuseOf(await insertUser(db))
    await persistSecurityEvents(sql, [event, event])
    await Promise.all([persistSecurityEvents(sql, [event]), persistSecurityEvents(sql, [event])])
    t.equal((await mailRows(db)).length, 1)
    await db`DELETE FROM mails`
    await persistSecurityEvents(sql, [event])
    t.same(await mailRows(db), [])
  },
)

t.test('the way without a queue asks for the same mails', async (t) => {
  await insertMailEvents(db, 3)
  await relayOutbox(deps, signal)
  t.match(await mailRows(db), [
    { template: 'session-reuse' },
    { template: 'session-reuse' },
    { template: 'session-reuse' },
  ])
})

t.test(
  'a mail goes to the address of now, says which device, and is then forgotten but for its end',
  async (t) => {
    const userId = await insertUser(db)
    const [sessionId = ''] = await insertSessions(db, userId)
    await db`UPDATE sessions SET device_name = 'Kitchen tablet' WHERE id = ${sessionId}`
    const event = newSecurityEvent('session.reuse_detected', { userId, sessionId, ip: '203.0.113.7' })
    await persistSecurityEvents(sql, [event])
    await db`UPDATE users SET email = ${`new-${userId}@example.com`}, name = 'Grace' WHERE id = ${userId}`

    const key = { eventId: event.id, template: 'session-reuse' } as const
    t.equal(await sendMail(deps, key), 'sent')
    t.equal(await sendMail(deps, key), 'left')
    t.match(server.mails, [
      { to: [`new-${userId}@example.com`], text: /^Hello Grace,[^]*Signed out: Kitchen tablet/ },
    ])
    t.equal(server.mails.length, 1)
    t.match(server.mails[0]?.headers.get('message-id'), [`<${event.id}.session-reuse@example.com>`])
    t.match(await mailRows(db), [{ status: 'sent', reason: null, data: {}, claims: 1, attempts: 0 }])
  },
)

t.test('ten at once: one sends', async (t) => {
  const event = reuseOf(await insertUser(db))
  await persistSecurityEvents(sql, [event])
  const key = { eventId: event.id, template: 'session-reuse' } as const
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => sendMail(deps, key)))
  t.same(outcomes.toSorted(), [...Array.from({ length: 9 }, () => 'left'), 'sent'])
  t.equal(server.mails.length, 1)
})

t.test(
  'of one user five are under way at once; others have their turn, and so have the rest later',
  async (t) => {
    const [busy, calm] = [await insertUser(db), await insertUser(db)]
    const events = Array.from({ length: 7 }, () => reuseOf(busy))
    const other = reuseOf(calm)
    await persistSecurityEvents(sql, [...events, other])
    const claim = ({ id }: { id: string }) => claimMail(sql, { eventId: id, template: 'session-reuse' }, 60)
    const claims: boolean[] = []
    for (const event of events) claims.push((await claim(event)) !== null)
    t.same(claims, [true, true, true, true, true, false, false])
    t.not(await claim(other), null)
    const [first, , , , , sixth, seventh] = events
    await settleMail(
      sql,
      { eventId: first?.id ?? '', template: 'session-reuse' },
      { status: 'sent', reason: null },
    )
    t.not(await claim(sixth ?? other), null, 'when one is done the next may go')
    t.equal(await claim(seventh ?? other), null)
    await moveClock(db, 61)
    t.not(await claim(seventh ?? other), null, 'and when one was left behind')
  },
)

t.test('nobody is told who is disabled or gone', async (t) => {
  const disabled = reuseOf(await insertUser(db))
  const gone = reuseOf(await insertUser(db))
  await persistSecurityEvents(sql, [disabled, gone])
  await db`UPDATE users SET disabled_at = now() WHERE id = ${disabled.userId}`
  await db`DELETE FROM users WHERE id = ${gone.userId}`
  const before = await skippedSoFar()
  for (const { id } of [disabled, gone])
    t.equal(await sendMail(deps, { eventId: id, template: 'session-reuse' }), 'skipped')
  t.match(await mailRows(db), [{ status: 'skipped', reason: /gone or disabled/ }, { status: 'skipped' }])
  t.same(server.mails, [])
  t.equal(await skippedSoFar(), before + 2)
})

t.test('refused for now: tried again after a minute and after five, then it arrives once', async (t) => {
  const event = reuseOf(await insertUser(db))
  await persistSecurityEvents(sql, [event])
  const key = { eventId: event.id, template: 'session-reuse' } as const
  server.onMail = () => ({ code: 451, text: 'greylisted, come back' })
  t.equal(await sendMail(deps, key), 'retried')
  let [row] = await mailRows(db)
  t.match(row, { status: null, attempts: 1, reason: /451 greylisted/ })
  t.ok(row!.dueIn > 50 && row!.dueIn <= 60, `${row!.dueIn} s`)
  t.equal(await sendMail(deps, key), 'retried')
  ;[row] = await mailRows(db)
  t.ok(row!.dueIn > 290 && row!.dueIn <= 300, `${row!.dueIn} s`)
  server.onMail = () => null
  t.equal(await sendMail(deps, key), 'sent')
  t.equal(server.mails.length, 1)
})

t.test('refused for now three times: given up, kept with its reason, and the job fails', async (t) => {
  const event = reuseOf(await insertUser(db))
  await persistSecurityEvents(sql, [event])
  const payload = { eventId: event.id, template: 'session-reuse' }
  server.onRecipient = (address) => ({ code: 452, text: `${address} is full` })
  await runMailJob(deps, payload)
  await runMailJob(deps, payload)
  await t.rejects(runMailJob(deps, payload), { name: 'UnrecoverableError', message: /given up/ })
  t.match(await mailRows(db), [{ status: 'failed', reason: /\[recipient\] is full/, attempts: 2, data: {} }])
})

t.test('refused for good: given up at once, and neither the log nor the row names the person', async (t) => {
  const event = reuseOf(await insertUser(db))
  await persistSecurityEvents(sql, [event])
  server.onRecipient = (address) => ({ code: 550, text: `5.1.1 <${address}> unknown` })
  t.equal(await sendMail(deps, { eventId: event.id, template: 'session-reuse' }), 'failed')
  t.match(await mailRows(db), [{ status: 'failed', reason: /550 5\.1\.1/ }])
  t.notMatch(JSON.stringify(lines), event.userId ?? '')
  t.ok(
    lines.some(
      ({ level, msg, domain }) => level === 'error' && /given up/.test(msg) && domain === 'example.com',
    ),
  )
})

t.test(
  'a job of a newer version, for a mail that this one cannot write, leaves it to that one',
  async (t) => {
    const eventId = newId()
    await db`INSERT INTO mails (event_id, template, user_id, data) VALUES (${eventId}, 'from-the-future', ${newId()}, '{}')`
    await runMailJob(deps, { eventId, template: 'from-the-future' })
    t.match(await mailRows(db), [{ status: null, claims: 0 }])
  },
)

t.test(
  'what could not be sent for three days is given up, and what was settled a month ago is forgotten',
  async (t) => {
    await persistSecurityEvents(sql, [reuseOf(await insertUser(db))])
    await cleanMails(deps, signal)
    t.match(await mailRows(db), [{ status: null }])
    await moveClock(db, 3 * 86_400)
    await cleanMails(deps, signal)
    t.match(await mailRows(db), [{ status: 'failed', reason: 'it was never tried' }])
    await moveClock(db, 29 * 86_400)
    await cleanMails(deps, signal)
    t.equal(await countSettled(db), 1)
    await moveClock(db, 86_400)
    await cleanMails(deps, signal)
    t.same(await mailRows(db), [])
  },
)
