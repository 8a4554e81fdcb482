// Attack: a crash, a replay or a flood of events that makes a mail of security vanish, or come twice. One event, one row, one mail.
import t from 'tap'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { consumeOneTimeToken, issueOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-tokens'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import { cleanMails } from '../src/jobs/send-mail/clean-mails.js'
import type { MailKey } from '../src/jobs/send-mail/queries.js'
import { runMailJob } from '../src/jobs/send-mail/run-mail-job.js'
import { sendMail } from '../src/jobs/send-mail/send-mail.js'
import { relayOutbox } from '../src/jobs/relay-outbox/relay-outbox.js'
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

/** A request for a new address, as the api tells of it. */
async function changeRequestOf(userId: string, email: string): Promise<MailKey> {
  const tokenId = await issueOneTimeToken(db, deps, { purpose: 'change_email', userId, email })
  const event = newSecurityEvent('email.change_requested', {
    userId,
    userAgent: 'You won',
    ip: '203.0.113.7',
    data: { tokenId },
  })
  await persistSecurityEvents(sql, [event])
  return { eventId: event.id, template: 'confirm-email-change' }
}

const tokenIn = (text = ''): string => /#token=(lkl_[\w-]+)\n/.exec(text)?.[1] ?? ''

t.test(
  'a link goes where its token says, the same at every try, and shows nothing that its sender chose',
  async (t) => {
    const userId = await insertUser(db)
    await db`UPDATE users SET name = 'You won' WHERE id = ${userId}`
    const key = await changeRequestOf(userId, 'new@example.com')
    server.onMail = () => ({ code: 451, text: 'greylisted, come back' })
    t.equal(await sendMail(deps, key), 'retried')
    await moveClock(db, 60)
    server.onMail = () => null
    t.equal(await sendMail(deps, key), 'sent')
    t.match(server.mails, [{ to: ['new@example.com'], text: /^Hello,[^]*203\.0\.113\.7/ }])
    const [{ text, html } = { text: '', html: '' }] = server.mails
    t.notMatch(text + html, 'You won')
    t.match(text, `${deps.config.publicUrl}/confirm-email-change#token=lkl_`)
    const token = tokenIn(text)
    t.match(await consumeOneTimeToken(db, deps, { purpose: 'change_email', token }), {
      userId,
      email: 'new@example.com',
    })
    t.notMatch(JSON.stringify(lines), token)
    t.equal((await mailRows(db)).length, 2, 'the present address is told too')
  },
)

t.test('who has proven the address is greeted by name', async (t) => {
  const userId = await insertUser(db)
  await db`UPDATE users SET name = 'Grace', email_verified_at = now() WHERE id = ${userId}`
  const tokenId = await issueOneTimeToken(db, deps, {
    purpose: 'verify_email',
    userId,
    email: `${userId}@example.com`,
  })
  const event = newSecurityEvent('email.verification_requested', { userId, data: { tokenId } })
  await persistSecurityEvents(sql, [event])
  await sendMail(deps, { eventId: event.id, template: 'verify-email' })
  t.match(server.mails, [{ to: [`${userId}@example.com`], text: /^Hello Grace,/ }])
})

t.test('a link that is no longer good is not sent', async (t) => {
  const userId = await insertUser(db)
  const replaced = await changeRequestOf(userId, 'first@example.com')
  const newest = await changeRequestOf(userId, 'second@example.com')
  t.equal(await sendMail(deps, replaced), 'skipped')
  t.equal(await sendMail(deps, newest), 'sent')
  t.match(server.mails, [{ to: ['second@example.com'] }])
  const expired = await changeRequestOf(await insertUser(db), 'third@example.com')
  await db`UPDATE one_time_tokens SET expires_at = now()`
  t.equal(await sendMail(deps, expired), 'skipped')
  const disabled = await insertUser(db)
  const unwanted = await changeRequestOf(disabled, 'fourth@example.com')
  await db`UPDATE users SET disabled_at = now() WHERE id = ${disabled}`
  t.equal(await sendMail(deps, unwanted), 'skipped')
  t.equal(server.mails.length, 1)
  t.match(
    (await mailRows(db)).find(
      ({ eventId, template }) => eventId === replaced.eventId && template === replaced.template,
    ),
    { status: 'skipped', reason: /used, replaced or has expired/ },
  )
})

t.test('an event that names no token asks for no link', async (t) => {
  await persistSecurityEvents(sql, [newSecurityEvent('user.registered', { userId: await insertUser(db) })])
  t.same(await mailRows(db), [])
})

t.test('an address that is only for the mail goes with the mail, and stays in no event', async (t) => {
  const event = newSecurityEvent('password.changed', {
    userId: newId(),
    data: { mailTo: 'gone@example.com' },
  })
  await persistSecurityEvents(sql, [event])
  await db`
    INSERT INTO outbox (type, severity, user_id, data)
    VALUES ('password.changed', 'notice', ${newId()}, '{"mailTo": "gone-too@example.com"}')`
  await relayOutbox(deps, signal)
  for (const { eventId } of await mailRows(db))
    t.equal(await sendMail(deps, { eventId, template: 'password-changed' }), 'sent')
  t.same(server.mails.flatMap(({ to }) => to).toSorted(), ['gone-too@example.com', 'gone@example.com'])
  const kept = await db<{ text: string }[]>`
    SELECT to_jsonb(e)::text AS text FROM security_events e UNION ALL SELECT to_jsonb(m)::text FROM mails m`
  t.notMatch(kept.map(({ text }) => text).join(), 'gone')
})

t.test('ten at once: one sends', async (t) => {
  const event = reuseOf(await insertUser(db))
  await persistSecurityEvents(sql, [event])
  const key = { eventId: event.id, template: 'session-reuse' } as const
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => sendMail(deps, key)))
  t.same(outcomes.toSorted(), [...Array.from({ length: 9 }, () => 'left'), 'sent'])
  t.equal(server.mails.length, 1)
})

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
