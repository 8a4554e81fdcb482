// Attack: an admin who hides what they were caught at, a note that is more than text, and a password that an alert has put in doubt.
import { finishFirstFactor } from '@latchkey/auth-api/features/mfa/finish-first-factor'
import type { Alert, AlertWithEvents } from '@latchkey/contracts/http/alerts'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { relayOutbox } from '@latchkey/platform/security-events/relay-outbox'
import t from 'tap'
import { anotherPassword, eventsOf, newPerson, passwordHashOf, signIn, signUp } from './support/accounts.js'
import { newOperator } from './support/admins.js'
import { enrol, freshCode, mfaTokenOf } from './support/authenticator.js'
import { magicTokenFor, resetPassword, resetTokenFor } from './support/mail-links.js'
import { password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

// Without Redis every event goes through the outbox.
const testApp = await createTestApp(t, { redisUrl: null, magicLink: true })
const { api, db, deps } = testApp
const admin = await newOperator(testApp)
const auditor = await newOperator(testApp, ['user', 'auditor'])

interface Fields {
  rule?: string
  subject?: string
  severity?: string
  userId?: string | null
  eventIds?: string[]
  createdAt?: string
}

async function insertAlert(fields: Fields = {}): Promise<string> {
  const [row] = await db<{ id: string }[]>`
    INSERT INTO alerts (rule, subject, severity, user_id, ip, event_count, event_ids, first_at, last_at, data, created_at)
    VALUES (${fields.rule ?? 'brute-force'}, ${fields.subject ?? newId()}, ${fields.severity ?? 'warning'}, ${fields.userId ?? null}::uuid,
      '203.0.113.7', 12, ${fields.eventIds ?? []}::uuid[], '2021-05-01T10:00:00Z', '2021-05-01T10:05:00Z', '{"threshold": 10}',
      ${fields.createdAt ?? '2021-05-01T10:05:01Z'}::text::timestamptz)
    RETURNING id`
  if (row === undefined) throw new Error('no row')
  return row.id
}

async function list(query: Record<string, string>): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page: Record<string, string> = { ...query, ...(cursor !== '' && { cursor }) }
    const { status, body } = await auditor.call('GET', `/alerts?${new URLSearchParams(page).toString()}`)
    if (status !== 200) throw new Error(`answered ${status}: ${JSON.stringify(body)}`)
    const { alerts, nextCursor } = body as unknown as { alerts: Alert[]; nextCursor: string | null }
    ids.push(...alerts.map(({ id }) => id))
    cursor = nextCursor
  }
  return ids
}

t.test('alerts by rule, severity, state, user and time, newest first', async (t) => {
  const userId = newId()
  const at = (second: number) => `2022-01-01T00:00:0${second}Z`
  const first = await insertAlert({ userId, createdAt: at(1) })
  const second = await insertAlert({ rule: 'refresh-reuse', severity: 'critical', userId, createdAt: at(2) })
  const third = await insertAlert({ createdAt: at(3) })
  await admin.call('POST', `/alerts/${third}/acknowledge`)
  const day = { from: '2022-01-01T00:00:00Z', to: '2022-01-02T00:00:00Z', limit: '1' }
  t.same(await list(day), [third, second, first])
  t.same(await list({ ...day, rule: 'brute-force' }), [third, first])
  t.same(await list({ ...day, severity: 'critical' }), [second])
  t.same(await list({ ...day, state: 'open' }), [second, first])
  t.same(await list({ ...day, state: 'acknowledged' }), [third])
  t.same(await list({ userId }), [second, first])
  t.same(await list({ ...day, to: at(2) }), [first])
  for (const query of [
    'rule=none',
    'state=',
    'severity=high',
    'userId=1',
    'from=x',
    'cursor=x',
    'limit=0',
    'q=1',
  ])
    t.match(
      await auditor.call('GET', `/alerts?${query}`),
      { status: 400, body: { code: 'validation_failed' } },
      query,
    )
})

t.test('an alert tells its story: the events that the log still has, in their order', async (t) => {
  const userId = newId()
  const outbox = await db<{ id: string }[]>`
    INSERT INTO outbox (type, severity, user_id, ip, data)
    SELECT 'login.failed', 'notice', ${userId}, '203.0.113.7', jsonb_build_object('n', n) FROM generate_series(1, 3) AS n
    RETURNING id`
  const told = outbox.map(({ id }) => id)
  await relayOutbox({ sql: db, queue: null, revocations: deps.revocations, batch: 10_000 })
  const id = await insertAlert({ userId, eventIds: [newId(), ...told.toReversed()] })
  const { status, body } = await auditor.call('GET', `/alerts/${id}`)
  t.equal(status, 200)
  const { events, ...alert } = body as unknown as AlertWithEvents
  t.same(alert, {
    id,
    rule: 'brute-force',
    subject: alert.subject,
    severity: 'warning',
    state: 'open',
    userId,
    ipAddress: '203.0.113.7',
    incidents: 1,
    eventCount: 12,
    firstAt: '2021-05-01T10:00:00.000Z',
    lastAt: '2021-05-01T10:05:00.000Z',
    createdAt: '2021-05-01T10:05:01.000Z',
    actions: [],
    data: { threshold: 10 },
    acknowledgedAt: null,
    acknowledgedBy: null,
    note: null,
  })
  t.same(
    events.map((event) => [event.type, event.data['n'], event.userId]),
    [1, 2, 3].map((n) => ['login.failed', n, userId]),
  )
  t.match(await auditor.call('GET', `/alerts/${newId()}`), { status: 404, body: { code: 'not_found' } })
})

t.test(
  'an alert is acknowledged once, by somebody, and the log has it whatever the api would rather',
  async (t) => {
    const userId = newId()
    const id = await insertAlert({ userId })
    t.match(await auditor.call('POST', `/alerts/${id}/acknowledge`), { status: 403 })
    t.match(await admin.call('POST', `/alerts/${newId()}/acknowledge`), { status: 404 })
    for (const body of [
      { note: '' },
      { note: 'x'.repeat(1001) },
      { note: 'a\0b' },
      { note: 1 },
      { state: 'open' },
    ])
      t.match(await admin.call('POST', `/alerts/${id}/acknowledge`, body), { status: 400 })

    const note = '<b>Called them.</b>\n李'
    const answers = await Promise.all(
      [1, 2, 3].map(() => admin.call('POST', `/alerts/${id}/acknowledge`, { note })),
    )
    for (const { status, body } of answers) {
      t.equal(status, 200)
      t.match(body, { id, state: 'acknowledged', acknowledgedBy: admin.userId, acknowledgedAt: /Z$/, note })
    }
    const again = await admin.call('POST', `/alerts/${id}/acknowledge`, { note: 'never mind' })
    t.match(again, { status: 200, body: { note } })
    const events = (await eventsOf(testApp)).filter(({ data }) => data['alertId'] === id)
    t.match(
      events.toSorted((one, other) => one.type.localeCompare(other.type)),
      [
        { type: 'admin.acted', userId, data: { action: 'alert.acknowledged' } },
        { type: 'alert.acknowledged', severity: 'notice', userId, sessionId: admin.session.sessionId },
      ],
    )
    t.equal(events.length, 2)

    const other = await insertAlert()
    for (const attempt of [
      () => deps.sql`UPDATE alerts SET acknowledged_at = now() WHERE id = ${other}`,
      () => deps.sql`DELETE FROM alerts WHERE id = ${other}`,
    ])
      await t.rejects(attempt(), { code: '42501' })
    await t.rejects(
      deps.sql`SELECT acknowledge_alert(${auditor.session.sessionId}, ${other}, NULL, NULL, NULL, NULL)`,
      { code: 'LK001' },
    )
  },
)

const doubt = (userId: string) =>
  db`UPDATE users SET mfa_required_at = clock_timestamp() WHERE id = ${userId}`
const logIn = (email: string, secret = password) =>
  api('POST', '/login', { body: { email, password: secret } })

t.test('a password in doubt opens nothing, and nobody learns that it was right', async (t) => {
  const { email } = newPerson()
  const { user } = await signUp(testApp, { email })
  await doubt(user.id)
  const right = await logIn(email)
  const wrong = await logIn(email, anotherPassword)
  t.equal(right.status, 401)
  t.same({ ...right.body, errorId: '' }, { ...wrong.body, errorId: '' })
  const reasons = (await eventsOf(testApp))
    .filter(({ userId, type }) => userId === user.id && type === 'login.failed')
    .map(({ data }) => data['reason'])
  t.same(reasons, ['more_than_password_required', 'wrong_password'])

  // Also where the alert came while the password was being checked, and where a second factor must be set up first.
  const first = {
    userId: user.id,
    passwordHash: await passwordHashOf(testApp, user),
    mfaEnabled: false,
    amr: ['pwd'],
    deviceName: null,
    origin: { ip: '192.0.2.1', userAgent: null, requestId: 'r', traceId: null },
  }
  const requireMfa = { admins: true, everyone: true, userTypes: [] }
  for (const config of [deps.config, { ...deps.config, requireMfa }])
    t.equal(await finishFirstFactor(deps.sql, { config }, first), null)

  const byLink = await api('POST', '/magic-link/verify', {
    body: { token: await magicTokenFor(testApp, email) },
  })
  t.equal(byLink.status, 200, 'who reads the mail of the account is its owner')
  t.equal((await logIn(email)).status, 401, 'which says nothing of the password')

  await resetPassword(testApp, await resetTokenFor(testApp, email), anotherPassword)
  t.ok(await signIn(testApp, { email, password: anotherPassword }))
})

t.test('an admin may take a password out of doubt', async (t) => {
  const { email } = newPerson()
  const { user } = await signUp(testApp, { email })
  await doubt(user.id)
  t.equal((await logIn(email)).status, 401)
  t.equal((await admin.call('PATCH', `/users/${user.id}`, { unlock: true })).status, 200)
  t.ok(await signIn(testApp, { email }))
})

t.test('with a second factor it is asked for, on devices too that were spared it', async (t) => {
  const { email } = newPerson()
  const session = await signUp(testApp, { email })
  const person = { ...(await enrol(testApp, session)), email, userId: session.user.id }
  const complete = async (extra: object) => {
    const mfaToken = await mfaTokenOf(testApp, email, extra)
    const code = await freshCode(testApp, person)
    return api('POST', '/2fa/challenge', { body: { mfaToken, code, rememberDevice: true } })
  }
  const before = String((await complete({})).body['rememberToken'])
  t.ok(await signIn(testApp, { email, rememberToken: before }))
  await doubt(person.userId)
  const after = await complete({ rememberToken: before })
  t.equal(after.status, 200)
  t.ok(
    await signIn(testApp, { email, rememberToken: String(after.body['rememberToken']) }),
    'remembered since',
  )
  t.ok(await mfaTokenOf(testApp, email, { rememberToken: before }))
})
