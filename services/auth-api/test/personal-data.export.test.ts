// Attacks: a stolen session reads all that is kept of its owner; an export as a way to secrets, to others, or to a full memory.
import { PersonalData } from '@latchkey/contracts/http/personal-data'
import type { Session } from '@latchkey/contracts/http/answers'
import { waitFor } from '@latchkey/devstack/wait-for'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { compileSchema } from '@latchkey/platform/validation/compile-schema'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { eventsOf, newPerson, passwordHashOf, signIn, signUp } from './support/accounts.js'
import { enrol } from './support/authenticator.js'
import { letTimePass } from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const app = await createTestApp(t)
const { api, db } = app
const personalData = compileSchema(PersonalData)

const ask = ({ accessToken }: Session): Promise<ApiAnswer> => api('GET', '/me/export', { token: accessToken })

async function exportOf(t: Test, session: Session): Promise<PersonalData> {
  const { status, body } = await ask(session)
  t.equal(status, 200)
  if (!personalData.matches(body)) throw new Error(`not what the contract says: ${JSON.stringify(body)}`)
  return body
}

t.test('everything that is kept of a user, as a file', async (t) => {
  const { email, username, ip } = newPerson()
  const person = { email, username, name: 'Grace', traits: { nickname: 'Amazing' } }
  const first = await signUp(app, person, { ip, headers: { 'user-agent': 'First/1' } })
  const userId = first.user.id
  const ended = await signIn(app, { email, deviceName: 'Old phone' }, { ip })
  await api('POST', '/logout', { token: ended.accessToken })
  await db`UPDATE users SET locale = 'de' WHERE id = ${userId}`
  await db`
    INSERT INTO mails (event_id, template, user_id, data, settled_at, status)
    VALUES (${newId()}, 'new-device', ${userId}, '{}', now(), 'sent')`
  await db`
    INSERT INTO security_events (id, occurred_at, type, severity, user_id, ip, user_agent, data)
    VALUES (${newId()}, now(), 'login.failed', 'notice', ${userId}, '192.0.2.77', 'Thief/1', '{"reason": "wrong_password"}')`
  await db`
    INSERT INTO alerts (rule, subject, severity, user_id, event_count, event_ids, first_at, last_at, actions)
    VALUES ('mfa-fatigue', ${userId}, 'critical', ${userId}, 8, '{}', now(), now(), '{mail_owner}')`
  const { session } = await enrol(app, await signIn(app, { email }))

  const { headers } = await ask(session)
  t.match(headers, {
    'content-type': 'application/json; charset=utf-8',
    'content-disposition': 'attachment; filename="personal-data.json"',
    'cache-control': 'no-store',
  })
  const data = await exportOf(t, session)
  t.match(data, {
    user: { ...person, id: userId, locale: 'de', roles: ['user'], mfaEnabled: true, emailVerifiedAt: null },
    password: { changedAt: String },
    secondFactors: { totp: { enabledAt: String }, recoveryCodesLeft: 10 },
    links: [{ purpose: 'verify_email', email }],
    mails: [{ template: 'new-device', status: 'sent' }],
    alerts: [{ rule: 'mfa-fatigue', eventCount: 8, actions: ['mail_owner'], note: null }],
    events: [
      {
        type: 'login.failed',
        byYourself: true,
        ipAddress: '192.0.2.77',
        userAgent: 'Thief/1',
        data: { reason: 'wrong_password' },
      },
    ],
  })
  t.equal(data.sessions.length, 3)
  t.match(
    data.sessions.find(({ id }) => id === ended.sessionId),
    { deviceName: 'Old phone', ipAddress: ip, revokeReason: 'logout' },
  )
  t.match(
    data.sessions.find(({ id }) => id === first.sessionId),
    { userAgent: 'First/1' },
  )
  t.ok(data.knownDevices.length > 0)
})

t.test('no secret leaves with it, and nothing of anybody else', async (t) => {
  const { email } = newPerson()
  const other = newPerson()
  await signUp(app, { email: other.email, name: 'Somebody else' })
  const factor = await enrol(app, await signUp(app, { email }))
  const { session } = factor
  const { user } = session
  const tokenId = newId()
  await db`
    INSERT INTO security_events (id, occurred_at, type, severity, user_id, actor_id, ip, user_agent, data)
    VALUES
      (${newId()}, now(), 'password.reset_requested', 'notice', ${user.id}, NULL, NULL, NULL, ${db.json({ tokenId })}),
      (${newId()}, now(), 'admin.acted', 'notice', ${user.id}, ${newId()}, '198.51.100.66', 'Admin/1', '{"action": "user.changed"}')`
  const text = JSON.stringify(await exportOf(t, session))
  const hash = await passwordHashOf(app, user)
  const [seed] = await db<{ sealed: string }[]>`
    SELECT encode(sealed_seed, 'hex') AS sealed FROM totp_factors WHERE user_id = ${user.id}`
  const secrets = [hash, seed?.sealed ?? '-', factor.secret, ...factor.recoveryCodes, tokenId]
  for (const secret of [
    ...secrets,
    session.refreshToken,
    '198.51.100.66',
    'Admin/1',
    other.email,
    'Somebody else',
  ])
    t.notOk(text.includes(secret), secret)
  t.match(JSON.parse(text), {
    events: [{ byYourself: false, ipAddress: null, data: { action: 'user.changed' } }, {}],
  })
})

t.test('only who has just authenticated gets it, a few times an hour, and is told of', async (t) => {
  const { email, ip } = newPerson()
  const session = await signUp(app, { email }, { ip })
  const before = (await eventsOf(app)).length
  for (let count = 0; count < 5; count += 1) t.equal((await ask(session)).status, 200)
  t.match(await ask(session), { status: 429, body: { code: 'rate_limited' } })
  const told = (await eventsOf(app)).slice(before).filter(({ userId }) => userId === session.user.id)
  t.same(
    told.map(({ type }) => type),
    Array.from({ length: 5 }, () => 'user.exported'),
  )
  const other = await signUp(app, { email: newPerson().email })
  t.equal((await ask(other)).status, 200, 'counted for each user')
  t.equal((await api('HEAD', '/me/export', { token: other.accessToken })).status, 405)

  await letTimePass(db, other.sessionId, 301)
  const { body } = await api('POST', '/refresh', { body: { refreshToken: other.refreshToken } })
  t.match(await ask(body as unknown as Session), { status: 403, body: { code: 'step_up_required' } })
  await db`UPDATE users SET disabled_at = now() WHERE id = ${other.user.id}`
  t.match(await ask(other), { status: 401, body: { code: 'session_revoked' } })
})

t.test('any number of events, each once and newest first', async (t) => {
  const session = await signUp(app, { email: newPerson().email })
  // Pages end among events of one moment, too.
  await db`
    INSERT INTO security_events (id, occurred_at, type, severity, user_id)
    SELECT gen_random_uuid(), now() - make_interval(secs => n / 300), 'login.failed', 'notice', ${session.user.id}
    FROM generate_series(1, 1500) AS n`
  const { events } = await exportOf(t, session)
  const stored = await db<{ id: string }[]>`
    SELECT id FROM security_events WHERE user_id = ${session.user.id} ORDER BY occurred_at DESC, id DESC`
  t.same(
    events.map(({ id }) => id),
    stored.map(({ id }) => id),
  )
})

t.test('a reader who takes nothing keeps no connection to the database from others', async (t) => {
  const session = await signUp(app, { email: newPerson().email })
  await db`
    INSERT INTO security_events (id, occurred_at, type, severity, user_id, data)
    SELECT gen_random_uuid(), now() - make_interval(secs => n), 'login.failed', 'notice', ${session.user.id},
      jsonb_build_object('padding', ${randomBytes(1000).toString('hex')}::text)
    FROM generate_series(1, 10000) AS n`
  const listening = await createTestApp(
    t,
    { authSecret: app.deps.config.authSecret },
    { database: app.database },
  )
  await listening.app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = listening.app.server.address() as { port: number }
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(
    `GET /api/v1/auth/me/export HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${session.accessToken}\r\n\r\n`,
  )
  await once(socket, 'readable')
  // Twenty megabytes are more than fit on the way to somebody who reads none of them.
  await waitFor(() => listening.deps.sql.statistics().active === 0, {
    what: 'the connection to be given back',
  })
  socket.destroy()
})
