// Attacks: changing a password without knowing it, keeping a stolen session over the change, two changes at once.
import type { Session } from '@latchkey/contracts/http/answers'
import t from 'tap'
import {
  anotherPassword,
  countRows,
  eventsOf,
  isAlive,
  newPerson,
  passwordHashOf,
  signIn,
  signUp,
} from './support/accounts.js'
import { password } from './support/session-driver.js'
import { createTestApp, type ApiAnswer, type TestApp } from './support/test-app.js'

// Room for several hashes at once, so that changes and sign-ins meet between them.
const app = await createTestApp(t, { hashConcurrency: 4 })

const change = (
  { api }: TestApp,
  { accessToken }: Session,
  { from = password, to = anotherPassword }: { from?: unknown; to?: unknown } = {},
): Promise<ApiAnswer> =>
  api('POST', '/change-password', {
    token: accessToken,
    body: { currentPassword: from, newPassword: to } as object,
    ip: '192.0.2.9',
    headers: { 'x-request-id': 'change-1' },
  })

t.test(
  'the new password signs in, the old one no more, and only the session that changed it lives on',
  async (t) => {
    const { email } = newPerson()
    const stolen = await signUp(app, { email })
    const bystander = await signUp(app, { email: newPerson().email })
    const own = await signIn(app, { email })
    const before = (await eventsOf(app)).length

    const answer = await change(app, own)
    t.equal(answer.status, 204)
    t.same(await isAlive(app, stolen), { access: false, refresh: false })
    t.same(await isAlive(app, own), { access: true, refresh: true })
    t.same(await isAlive(app, bystander), { access: true, refresh: true })
    const about = { userId: own.user.id, ip: '192.0.2.9', requestId: 'change-1' }
    t.match((await eventsOf(app)).slice(before), [
      { type: 'password.changed', severity: 'notice', sessionId: own.sessionId, ...about },
      {
        type: 'session.revoked',
        sessionId: stolen.sessionId,
        data: { reason: 'password_changed' },
        ...about,
      },
    ])
    t.equal((await app.api('POST', '/login', { body: { email, password } })).status, 401)
    t.equal((await signIn(app, { email, password: anotherPassword })).user.id, own.user.id)
  },
)

t.test(
  'a revoked access token is refused by another instance as soon as the change is answered',
  async (t) => {
    const { email } = newPerson()
    const other = await createTestApp(
      t,
      { redisKeyPrefix: app.deps.config.redisKeyPrefix },
      { database: app.database },
    )
    const stolen = await signUp(app, { email })
    const own = await signIn(app, { email })
    t.equal((await other.api('GET', '/me', { token: stolen.accessToken })).status, 200)
    await change(app, own)
    t.match(await other.api('GET', '/me', { token: stolen.accessToken }), {
      status: 401,
      body: { code: 'session_revoked' },
    })
  },
)

t.test('a change that is refused changes nothing', async (t) => {
  const { email } = newPerson()
  const session = await signUp(app, { email, username: 'tweedledum' })
  const other = await signIn(app, { email })
  const hash = await passwordHashOf(app, session.user)
  const before = await countRows(app)
  const eventsBefore = (await eventsOf(app)).length
  const refusals: [input: { from?: unknown; to?: unknown }, code: string, path: string | null][] = [
    [{ from: 'not the phrase of anyone' }, 'invalid_credentials', null],
    [{ from: '' }, 'validation_failed', '/currentPassword'],
    [{ from: 'x'.repeat(129) }, 'validation_failed', '/currentPassword'],
    [{ from: null }, 'validation_failed', '/currentPassword'],
    [{ to: 'short' }, 'password_rejected', '/newPassword'],
    [{ to: 'Sunshine2024!' }, 'password_rejected', '/newPassword'],
    [{ to: 'tweedledum42' }, 'password_rejected', '/newPassword'],
    [{ to: password }, 'password_rejected', '/newPassword'],
    [{ to: 7 }, 'validation_failed', '/newPassword'],
  ]
  for (const [input, code, path] of refusals) {
    const answer = await change(app, session, input)
    t.equal(answer.body['code'], code, JSON.stringify(input))
    if (path !== null) t.match(answer.body['errors'], [{ path }])
  }
  t.equal((await app.api('POST', '/change-password', { body: {} })).body['code'], 'token_missing')
  t.equal(await passwordHashOf(app, session.user), hash)
  t.same(await countRows(app), before)
  t.same(await isAlive(app, other), { access: true, refresh: true })
  const failures = (await eventsOf(app)).slice(eventsBefore).filter(({ type }) => type === 'login.failed')
  t.match(failures, [
    {
      severity: 'notice',
      userId: session.user.id,
      sessionId: session.sessionId,
      data: { reason: 'wrong_password', during: 'password_change' },
    },
  ])
})

t.test('of two changes at once one wins; the loser is told that its password is wrong', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const { email } = newPerson()
    const one = await signUp(app, { email })
    const two = await signIn(app, { email })
    const [first, second] = await Promise.all([
      change(app, one, { to: 'the phrase of the first' }),
      change(app, two, { to: 'the phrase of the second' }),
    ])
    t.same(new Set([first.status, second.status]), new Set([204, 401]))
    const [winner, loser, phrase] =
      first.status === 204 ? [one, two, 'the phrase of the first'] : [two, one, 'the phrase of the second']
    t.same(await isAlive(app, winner), { access: true, refresh: true })
    t.same(await isAlive(app, loser), { access: false, refresh: false })
    t.equal((await signIn(app, { email, password: phrase })).user.id, one.user.id)
  }
})

t.test('no sign-in with the old password outlives the change, whichever is first', async (t) => {
  let opened = 0
  for (let round = 0; round < 12; round += 1) {
    const { email } = newPerson()
    const session = await signUp(app, { email })
    const logins = Array.from({ length: 6 }, () => app.api('POST', '/login', { body: { email, password } }))
    // Hashing has little room, so that the change falls between them, now earlier and now later.
    const changed =
      round % 2 === 0
        ? change(app, session)
        : Promise.all(logins.slice(0, 3)).then(() => change(app, session))
    t.equal((await changed).status, 204)
    for (const login of await Promise.all(logins)) {
      if (login.status !== 200) continue
      opened += 1
      t.same(await isAlive(app, login.body as unknown as Session), { access: false, refresh: false })
    }
    const live =
      await app.db`SELECT id FROM sessions WHERE user_id = ${session.user.id} AND revoked_at IS NULL`
    t.same(live, [{ id: session.sessionId }])
  }
  t.ok(opened > 0, `${opened} sign-ins were in time to be ended`)
})

t.test('a change goes through when a sign-in renews the hash under it', async (t) => {
  const { email } = newPerson()
  const session = await signUp(app, { email })
  const strong = await createTestApp(t, { argon2Time: 3, hashConcurrency: 4 }, { database: app.database })
  const signedIn = Array.from({ length: 4 }, () => app.api('POST', '/login', { body: { email, password } }))
  const [answer] = await Promise.all([
    change(strong, session),
    ...Array.from({ length: 4 }, () => strong.api('POST', '/login', { body: { email, password } })),
    ...signedIn,
  ])
  t.equal(answer.status, 204)
  t.equal((await signIn(strong, { email, password: anotherPassword })).user.id, session.user.id)
})

t.test('a user who was disabled since the token was checked cannot change anything', async (t) => {
  const session = await signUp(app, { email: newPerson().email })
  await app.db`UPDATE users SET disabled_at = now() WHERE id = ${session.user.id}`
  t.match(await change(app, session), { status: 401, body: { code: 'session_revoked' } })
})
