// Attack: a session or a service client that an admin ends and that goes on, an act that nobody is told of, a secret that can be read again.
import { newId } from '@latchkey/platform/crypto/identifiers'
import t from 'tap'
import { newPerson, signIn, signUp } from './support/accounts.js'
import { listsOf } from './support/admin-lists.js'
import { newOperator } from './support/admins.js'
import { createTestApp } from './support/test-app.js'

const testApp = await createTestApp(t, { redisUrl: null })
const { api, db } = testApp
const auditor = await newOperator(testApp, ['user', 'auditor'])
const admin = await newOperator(testApp)
const { read, idsOf } = listsOf(auditor)

t.test('who is signed in', async (t) => {
  const { email } = newPerson()
  const first = await signUp(testApp, { email })
  const second = await signIn(testApp, { email, deviceName: 'Tablet' })
  const userId = first.user.id
  const { sessions } = await read('/sessions', { userId })
  t.match(sessions, [
    {
      id: second.sessionId,
      userId,
      email,
      roles: ['user'],
      deviceName: 'Tablet',
      aal: 1,
      ipAddress: '127.0.0.1',
    },
    { id: first.sessionId },
  ])
  t.same(Object.keys(sessions[0] ?? {}).toSorted(), [
    'aal',
    'createdAt',
    'deviceName',
    'email',
    'expiresAt',
    'id',
    'ipAddress',
    'lastUsedAt',
    'roles',
    'userAgent',
    'userId',
  ])
  t.same(await idsOf('/sessions', { userId, limit: '1' }), [second.sessionId, first.sessionId])
  t.same((await auditor.call('GET', `/users/${userId}/sessions?limit=1`)).body['sessions'], [sessions[0]])
  t.same(await idsOf('/sessions', { role: 'auditor' }), [auditor.session.sessionId])
  t.ok((await idsOf('/sessions', { role: 'user', limit: '5' })).includes(first.sessionId))

  t.equal((await admin.call('DELETE', `/sessions/${second.sessionId}`)).status, 204)
  t.equal((await api('GET', '/me', { token: second.accessToken })).body['code'], 'session_revoked')
  for (const id of [second.sessionId, newId()])
    t.equal(
      (await admin.call('DELETE', `/sessions/${id}`)).body['code'],
      'not_found',
      'ended or unknown: alike',
    )
  t.match((await admin.call('POST', `/users/${userId}/logout-all`)).body, { revoked: 1 })
  t.equal((await api('GET', '/me', { token: first.accessToken })).body['code'], 'session_revoked')
  t.same(await idsOf('/sessions', { userId }), [])
  const told = await db<{ type: string; data: object; actorId: string }[]>`
    SELECT type, data, actor_id FROM outbox WHERE user_id = ${userId} AND actor_id = ${admin.userId} ORDER BY occurred_at`
  t.same(
    told.map(({ type, data }) => [type, data]),
    [
      ['session.revoked', { reason: 'admin_revoked' }],
      ['admin.acted', { action: 'session.ended', sessionId: second.sessionId }],
      ['session.revoked', { reason: 'admin_revoked' }],
      ['admin.acted', { action: 'user.signed_out', sessions: 1 }],
    ],
  )
})

t.test('service clients: the secret once, and each act told', async (t) => {
  const made = await admin.call('POST', '/clients', { name: 'orders', scopes: ['introspect', 'orders:read'] })
  t.equal(made.status, 201)
  const { clientId, clientSecret } = made.body as { clientId: string; clientSecret: string }
  t.match(clientSecret, /^lks_[\w-]{43}$/)
  const asClient = async (secret: string) => {
    const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`
    const { statusCode } = await testApp.app.inject({
      method: 'POST',
      url: '/oauth2/introspect',
      headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'token=x',
    })
    return statusCode
  }
  t.equal(await asClient(clientSecret), 200)
  const { body } = await auditor.call('GET', '/clients')
  t.match(body, {
    clients: [
      { clientId, name: 'orders', audience: null, scopes: ['introspect', 'orders:read'], disabledAt: null },
    ],
  })
  t.notMatch(JSON.stringify(body), /secret_?hash|lks_/i)

  const rotated = await admin.call('POST', `/clients/${clientId}/rotate-secret`)
  t.not(rotated.body['clientSecret'], clientSecret)
  const [kept] = await db<{ left: number }[]>`
    SELECT round(extract(epoch FROM previous_secret_expires_at - now()))::int AS left FROM service_clients`
  t.ok(Math.abs((kept?.left ?? 0) - 86_400) < 60)
  await admin.call('POST', `/clients/${clientId}/rotate-secret`, { keepSeconds: 0 })
  const [row] = await db`SELECT previous_secret_hash FROM service_clients`
  t.equal(row?.['previousSecretHash'], null)

  for (const [refused, code] of [
    [{ name: 'orders' }, 'validation_failed'],
    [{ name: ' padded' }, 'validation_failed'],
    [{ name: 'x', scopes: ['a"b'] }, 'validation_failed'],
    [{ name: 'x', clientSecret: 'mine' }, 'validation_failed'],
  ] as const)
    t.equal((await admin.call('POST', '/clients', refused)).body['code'], code, JSON.stringify(refused))
  t.equal((await admin.call('POST', `/clients/${clientId}/rotate-secret`, { keepSeconds: -1 })).status, 400)

  t.equal((await admin.call('DELETE', `/clients/${clientId}`)).status, 204)
  for (const [method, path] of [
    ['DELETE', ''],
    ['POST', '/rotate-secret'],
  ] as const)
    for (const id of [clientId, newId()])
      t.equal((await admin.call(method, `/clients/${id}${path}`)).body['code'], 'not_found')
  const told = await db<{ type: string; action: string | null }[]>`
    SELECT type, data->>'action' AS action FROM outbox
    WHERE data->>'clientId' = ${clientId} AND actor_id = ${admin.userId} ORDER BY occurred_at`
  t.same(
    told.map(({ type, action }) => action ?? type),
    [
      'client.created',
      'client.created',
      'client.secret_rotated',
      'client.secret_rotated',
      'client.secret_rotated',
      'client.secret_rotated',
      'client.disabled',
      'client.disabled',
    ],
  )
})

t.test('figures are what the worker left, and admins those of now', async (t) => {
  t.match((await auditor.call('GET', '/stats')).body, { measuredAt: null, users: { total: 0 }, admins: 1 })
  await db`
    INSERT INTO statistics (name, value, measured_at)
    VALUES ('users', 12, '2030-01-01'), ('users_disabled', 2, '2030-01-01'), ('sessions_active', 5000000000, '2029-12-31'), ('of_tomorrow', 1, '2030-01-01')`
  t.same((await auditor.call('GET', '/stats')).body, {
    users: { total: 12, disabled: 2, unverified: 0, withSecondFactor: 0 },
    admins: 1,
    sessions: { active: 5_000_000_000 },
    measuredAt: '2029-12-31T00:00:00.000Z',
  })
})
