// Attack: an admin who slips or was taken over: fields that nobody may set, the last admin gone, two who demote each other, an act that
// nobody is told of.
import type { AdminUser } from '@latchkey/contracts/http/admin'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { assertNotLastAdmin } from '@latchkey/auth-api/features/admin/last-admin'
import t from 'tap'
import { eventsOf, newPerson, signIn, signUp } from './support/accounts.js'
import { newOperator, type Operator } from './support/admins.js'
import { enrolledPerson } from './support/authenticator.js'
import { createTestApp } from './support/test-app.js'

const testApp = await createTestApp(t)
const { api, db, deps } = testApp
const admin = await newOperator(testApp)

const newUser = async (body: Record<string, unknown> = {}) => {
  const session = await signUp(testApp, { email: newPerson().email, ...body })
  return { ...session.user, session }
}

/** What was told of a user, without sign-ins. */
const actsOn = async (userId: string) =>
  (await eventsOf(testApp)).filter((event) => event.userId === userId && event.type !== 'login.succeeded')

t.test('a user with a password: made, told of, and able to sign in', async (t) => {
  const { email, username } = newPerson()
  const password = 'a phrase for somebody else 44'
  const { status, body } = await admin.call('POST', '/users', {
    email: email.toUpperCase(),
    username: username.toUpperCase(),
    name: 'Grace',
    password,
    userType: 'staff',
    traits: { level: 3 },
    roles: ['user', 'billing-admin'],
  })
  t.equal(status, 201)
  const user = body as unknown as AdminUser
  t.match(user, {
    email: email.toUpperCase().replace('EXAMPLE.COM', 'example.com'),
    username,
    name: 'Grace',
    userType: 'staff',
    traits: { level: 3 },
    roles: ['user', 'billing-admin'],
    emailVerified: false,
    status: 'enabled',
    disabledAt: null,
    hasPassword: true,
    mfaEnabled: false,
    lastLoginAt: null,
  })
  t.notMatch(JSON.stringify(body), /argon2|phrase/)
  const events = await actsOn(user.id)
  t.match(
    events.map(({ type }) => type),
    ['user.registered', 'roles.changed', 'admin.acted'],
  )
  t.match(events[0]?.data, { tokenId: /^[0-9a-f-]{36}$/ }, 'the address is asked for by mail')
  t.same(events[1]?.data, { before: ['user'], after: ['user', 'billing-admin'] })
  t.same(events[2]?.data, {
    action: 'user.created',
    fields: ['email', 'username', 'name', 'password', 'userType', 'traits', 'roles'],
  })
  t.notMatch(JSON.stringify(events), password)
  const actors = await db<
    { actorId: string }[]
  >`SELECT DISTINCT actor_id FROM outbox WHERE user_id = ${user.id}`
  t.same(
    actors.map(({ actorId }) => actorId),
    [admin.userId],
  )
  const session = await signIn(testApp, { email, password })
  t.same(session.user.roles, ['user', 'billing-admin'])
})

t.test('a user without a password is invited to choose one', async (t) => {
  const { email } = newPerson()
  const { status, body } = await admin.call('POST', '/users', { email, emailVerified: true })
  t.equal(status, 201)
  t.match(body, { hasPassword: false, emailVerified: true, roles: ['user'] })
  const events = await actsOn(String(body['id']))
  t.same(
    events.map(({ type, data }) => [type, Object.keys(data)]),
    [
      ['user.registered', []],
      ['user.invited', ['tokenId']],
      ['email.verified', []],
      ['admin.acted', ['action', 'fields']],
    ],
  )
  const [token] =
    await db`SELECT purpose, user_id FROM one_time_tokens WHERE id = ${String(events[1]?.data['tokenId'])}`
  t.same({ ...token }, { purpose: 'reset_password', userId: body['id'] })
})

t.test('what cannot be made leaves nothing behind', async (t) => {
  const taken = await newUser({ username: 'taken-name' })
  const [before] =
    await db`SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM outbox) AS outbox`
  const good = { email: newPerson().email, password: 'a phrase for somebody else 44' }
  for (const [body, code] of [
    [{ ...good, email: taken.email }, 'email_taken'],
    [{ ...good, username: 'Taken-Name' }, 'username_taken'],
    [{ ...good, email: 'nobody' }, 'validation_failed'],
    [{ ...good, password: 'password1!' }, 'password_rejected'],
    [{ ...good, roles: ['Admin'] }, 'validation_failed'],
    [{ ...good, roles: ['admin', 'admin'] }, 'validation_failed'],
    [{ ...good, roles: Array.from({ length: 17 }, (_, index) => `role${index}`) }, 'validation_failed'],
    [{ ...good, id: newId() }, 'validation_failed'],
    [{ ...good, mfaEnabled: true }, 'validation_failed'],
    [{ ...good, createdAt: '2020-01-01T00:00:00Z' }, 'validation_failed'],
    [{ ...good, passwordHash: 'x' }, 'validation_failed'],
    [{ ...good, traits: { big: 'x'.repeat(20_000) } }, 'validation_failed'],
    [{ password: good.password }, 'validation_failed'],
  ] as const)
    t.equal((await admin.call('POST', '/users', body)).body['code'], code, JSON.stringify(body).slice(0, 80))
  const [after] =
    await db`SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM outbox) AS outbox`
  t.same(after, before)
})

t.test('a change of everything that admins change, told of without values', async (t) => {
  const user = await newUser({ name: 'Before', traits: { secret: 'before' } })
  const { status, body } = await admin.call('PATCH', `/users/${user.id}`, {
    name: 'After',
    username: `N${user.id.slice(-8)}`,
    traits: { level: 'gold-canary' },
    roles: ['user', 'auditor'],
    emailVerified: true,
    unlock: true,
  })
  t.equal(status, 200)
  t.match(body, {
    name: 'After',
    username: `n${user.id.slice(-8)}`,
    traits: { level: 'gold-canary' },
    roles: ['user', 'auditor'],
    emailVerified: true,
  })
  const events = await actsOn(user.id)
  t.same(
    events.map(({ type }) => type),
    ['user.registered', 'email.verified', 'roles.changed', 'admin.acted'],
  )
  t.same(events.at(-1)?.data, {
    action: 'user.changed',
    fields: ['name', 'username', 'traits', 'roles', 'emailVerified', 'unlock'],
  })
  t.notMatch(JSON.stringify(events), /canary/)
  const cleared = await admin.call('PATCH', `/users/${user.id}`, {
    name: null,
    username: null,
    emailVerified: false,
    roles: ['auditor', 'user'],
  })
  t.match(cleared.body, { name: null, username: null, emailVerified: false, roles: ['user', 'auditor'] })
})

t.test('what admins may not set, and whom they may not touch', async (t) => {
  const user = await newUser()
  for (const body of [
    {},
    { email: 'thief@example.com' },
    { password: 'a phrase for somebody else 44' },
    { mfaEnabled: false },
    { id: newId() },
    { userType: 'staff' },
    { status: 'deleted' },
    { status: null },
    { unlock: false },
    { roles: ['admin admin'] },
    { roles: 'admin' },
    { roles: [null] },
    { roles: [['admin']] },
    { emailVerified: 'true' },
    { name: 'a\u202Eb' },
  ])
    t.equal(
      (await admin.call('PATCH', `/users/${user.id}`, body)).body['code'],
      'validation_failed',
      JSON.stringify(body),
    )
  for (const body of [{ roles: ['user'] }, { status: 'disabled' }, { roles: ['user', 'admin', 'auditor'] }])
    t.match(await admin.call('PATCH', `/users/${admin.userId}`, body), {
      status: 403,
      body: { code: 'forbidden', detail: 'Nobody does this to themselves: another admin must.' },
    })
  for (const [method, path] of [
    ['DELETE', ''],
    ['POST', '/reset-2fa'],
  ] as const)
    t.equal((await admin.call(method, `/users/${admin.userId}${path}`)).body['code'], 'forbidden', path)
  t.equal((await admin.call('PATCH', `/users/${admin.userId}`, { name: 'Myself' })).status, 200)
  const half = await admin.call('PATCH', `/users/${admin.userId}`, { name: 'Half', status: 'disabled' })
  t.equal(half.status, 403)
  t.equal((await admin.call('GET', `/users/${admin.userId}`)).body['name'], 'Myself', 'all of it or nothing')

  for (const [method, path, body] of [
    ['GET', ''],
    ['PATCH', '', { name: 'X' }],
    ['DELETE', ''],
    ['POST', '/logout-all'],
    ['POST', '/reset-2fa'],
    ['GET', '/sessions'],
  ] as const) {
    t.equal(
      (await admin.call(method, `/users/${newId()}${path}`, body)).body['code'],
      'not_found',
      method + path,
    )
    t.equal((await admin.call(method, `/users/1${path}`, body)).status, 400, method + path)
  }
})

t.test('a lost second factor is removed, and whoever is signed in signed out', async (t) => {
  const { userId, email, session } = await enrolledPerson(testApp)
  t.equal((await admin.call('POST', `/users/${userId}/reset-2fa`)).status, 204)
  t.match((await admin.call('GET', `/users/${userId}`)).body, { mfaEnabled: false })
  t.equal((await api('GET', '/me', { token: session.accessToken })).body['code'], 'session_revoked')
  t.ok(await signIn(testApp, { email }), 'by the password alone')
  const events = await actsOn(userId)
  t.match(events.at(-1)?.data, { action: 'user.second_factor_reset' })
  t.match(
    events.find(({ type }) => type === 'mfa.disabled'),
    { data: { reason: 'admin_reset' } },
  )
})

t.test('somebody is erased: gone at once, and told of', async (t) => {
  const user = await newUser()
  t.equal((await admin.call('DELETE', `/users/${user.id}`)).status, 204)
  t.equal((await api('GET', '/me', { token: user.session.accessToken })).body['code'], 'session_revoked')
  for (const method of ['GET', 'DELETE'] as const)
    t.equal((await admin.call(method, `/users/${user.id}`)).body['code'], 'not_found')
  t.same(
    (await actsOn(user.id)).map(({ type }) => type),
    ['user.registered', 'session.revoked', 'user.deleted', 'admin.acted'],
  )
  t.ok(await signUp(testApp, { email: user.email }), 'the address is free')
})

/** Those of a test are all the admins there are; the one of the file is back afterwards. */
async function onlyAdmins<T>(number: number, work: (admins: Operator[]) => Promise<T>): Promise<T> {
  await db`UPDATE users SET roles = '{user}' WHERE 'admin' = ANY (roles)`
  try {
    return await work(await Promise.all(Array.from({ length: number }, () => newOperator(testApp))))
  } finally {
    await db`UPDATE users SET roles = '{user,admin}' WHERE id = ${admin.userId}`
  }
}

t.test('of two admins who demote or disable each other fifty times at once, one stays', async (t) => {
  for (const change of [{ roles: ['user'] }, { status: 'disabled' }]) {
    await onlyAdmins(2, async ([one, other]) => {
      if (one === undefined || other === undefined) throw new Error('there are two')
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => {
          const [actor, target] = index % 2 === 0 ? [one, other] : [other, one]
          return actor.call('PATCH', `/users/${target.userId}`, change)
        }),
      )
      for (const { status } of answers) t.ok([200, 401, 403].includes(status), String(status))
      const left = await db`SELECT FROM users WHERE 'admin' = ANY (roles) AND disabled_at IS NULL`
      t.equal(left.length, 1)
    })
  }
})

t.test('the last admin stays, however many leave at once', (t) =>
  onlyAdmins(4, async (admins) => {
    const leave = (userId: string) =>
      deps.sql.begin(async (sql) => {
        await assertNotLastAdmin(sql, userId)
        await db`UPDATE users SET disabled_at = now() WHERE id = ${userId}`
      })
    await leave((await newUser()).id)
    const outcomes = await Promise.allSettled(admins.map(({ userId }) => leave(userId)))
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3)
    t.match(
      outcomes.find(({ status }) => status === 'rejected'),
      { reason: { code: 'LK003', message: 'This is the last admin who can sign in.' } },
    )
  }),
)
