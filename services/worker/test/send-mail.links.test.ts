// Attack: a link in a mail that reaches somebody else, shows a stranger's words in our name, or is left in a table, an event or a log.
// Alone: what it does before each test is for its own.
import { newId } from '@latchkey/platform/crypto/identifiers'
import { consumeOneTimeToken, issueOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-tokens'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import t from 'tap'
import { relayOutbox } from '@latchkey/worker/jobs/relay-outbox/relay-outbox'
import type { MailKey } from '@latchkey/worker/jobs/send-mail/queries'
import { sendMail } from '@latchkey/worker/jobs/send-mail/send-mail'
import { startMailServer } from './support/mail-server.js'
import { mailRows, moveClock } from './support/mail-rows.js'
import { insertUser } from './support/session-rows.js'
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
  server.onMail = () => null
})

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
    t.equal(await sendMail(deps, { ...key, template: 'email-change-asked' }), 'sent')
    t.match(
      server.mails[1],
      { to: [`${userId}@example.com`] },
      'the present address is told, without the link',
    )
    t.notMatch(`${server.mails[1]?.text}${server.mails[1]?.html}`, /https?:|lkl_/)
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
