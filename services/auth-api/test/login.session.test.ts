// Attacks: signing in under another spelling of a name; a stored hash that stays weak; what a sign-in costs under load.
import { pbkdf2Sync } from 'node:crypto'
import bcrypt from 'bcrypt'
import t from 'tap'
import {
  attemptsOf,
  eventsOf,
  isAlive,
  newPerson,
  passwordHashOf,
  signIn,
  signUp,
} from './support/accounts.js'
import { password } from './support/session-driver.js'
import { createTestApp, type TestApp } from './support/test-app.js'

const weak = await createTestApp(t)
const { database } = weak
const strong = await createTestApp(
  t,
  { argon2MemoryKib: 2048, argon2Time: 2, hashConcurrency: 4 },
  { database },
)

t.test('e-mail and username sign in, in any case, each to a session of its own', async (t) => {
  const app = weak
  const { email, username, ip } = newPerson()
  const registered = await signUp(app, { email: email.replace('p', 'P'), username })
  const attempts = await attemptsOf(app, 'login')
  const bodies = [
    { email: email.replace('example', 'EXAMPLE') },
    { email: ` ${email.replace('person', 'PERSON')} ` },
    { username: username.toUpperCase() },
    { username, deviceName: 'Kitchen tablet' },
  ]
  const sessions = []
  for (const body of bodies) sessions.push(await signIn(app, body, { ip }))
  for (const session of sessions) {
    t.equal(session.user.id, registered.user.id)
    t.ok(session.user.lastLoginAt! > registered.user.lastLoginAt!)
  }
  t.equal(new Set([registered, ...sessions].map(({ sessionId }) => sessionId)).size, 5)
  const last = sessions.at(-1)!
  t.same(await isAlive(app, last, { ip }), { access: true, refresh: true })
  const { body } = await app.api('GET', '/sessions', { token: last.accessToken })
  t.match(
    (body['sessions'] as { id: string }[]).find(({ id }) => id === last.sessionId),
    { deviceName: 'Kitchen tablet', ipAddress: ip },
  )
  t.match((await eventsOf(app)).at(-1), {
    type: 'login.succeeded',
    severity: 'info',
    userId: registered.user.id,
    sessionId: last.sessionId,
    ip,
  })
  t.same(await attemptsOf(app, 'login', attempts), { success: 4, failure: 0 })
})

t.test('what is not exactly one name and a password is refused before anything is counted', async (t) => {
  const app = await createTestApp(t, { limitLoginAccount: { max: 1, windowSeconds: 60 } }, { database })
  const { email, username } = newPerson()
  await signUp(app, { email, username })
  const refused: [body: Record<string, unknown>, path: string][] = [
    [{ password }, '/email'],
    [{ email, username, password }, '/username'],
    [{ email: 'alice', password }, '/email'],
    [{ email: `${email}\r\n`, password }, '/email'],
    [{ email }, '/password'],
    [{ email, password: '' }, '/password'],
    [{ email, password: 'x'.repeat(129) }, '/password'],
    [{ email, password: 'ﷺ'.repeat(20) }, '/password'],
    [{ email, password: ['x'] }, '/password'],
    [{ email: { $ne: null }, password }, '/email'],
    [{ email, password, admin: true }, '/admin'],
  ]
  for (const [body, path] of refused) {
    const answer = await app.api('POST', '/login', { body })
    t.equal(answer.status, 400)
    t.match(answer.body, { code: 'validation_failed', errors: [{ path }] }, JSON.stringify(body).slice(0, 60))
  }
  t.equal((await signIn(app, { email })).user.username, username)
})

t.test('a sign-in is three statements, and four when the hash is renewed', async (t) => {
  const { email } = newPerson()
  await signUp(weak, { email })
  const before = await countStatements(weak)
  await signIn(weak, { email })
  t.equal((await countStatements(weak)) - before, 3)

  const old = await countStatements(strong)
  await signIn(strong, { email })
  t.equal((await countStatements(strong)) - old, 4)
})

t.test(
  'a sign-in renews a hash that is weaker than the parameters in force, and says nothing of it',
  async (t) => {
    const { email } = newPerson()
    const { user } = await signUp(weak, { email })
    const before = await passwordChangedAt(user.id)

    await strong.api('POST', '/login', { body: { email, password: 'not the right phrase' } })
    t.match(await passwordHashOf(strong, user), /\$m=1024,t=1,p=1\$/, 'a wrong password renews nothing')
    await signIn(strong, { email })
    const renewed = await passwordHashOf(strong, user)
    t.match(renewed, /^\$argon2id\$v=19\$m=2048,t=2,p=1\$/)
    await signIn(strong, { email })
    t.equal(await passwordHashOf(strong, user), renewed, 'once')
    await signIn(weak, { email })
    t.equal(await passwordHashOf(strong, user), renewed, 'and never weakened')
    t.same(await passwordChangedAt(user.id), before)
  },
)

t.test('a hash that was imported lets its owner in, once: then it is ours', async (t) => {
  const salt = Buffer.from('salt of elsewhere')
  const imported = [
    await bcrypt.hash(password, 4),
    `$pbkdf2-sha256$1000$${salt.toString('base64')}$${pbkdf2Sync(password, salt, 1000, 32, 'sha256').toString('base64')}`,
  ]
  for (const hash of imported) {
    const { email } = newPerson()
    const { user } = await signUp(weak, { email })
    await weak.db`UPDATE credentials SET password_hash = ${hash} WHERE user_id = ${user.id}`
    const refused = await strong.api('POST', '/login', { body: { email, password: `${password}.` } })
    t.match(refused, { status: 401, body: { code: 'invalid_credentials' } })
    t.equal(await passwordHashOf(strong, user), hash)
    t.equal((await signIn(strong, { email })).user.id, user.id)
    t.match(await passwordHashOf(strong, user), /^\$argon2id\$v=19\$m=2048,t=2,p=1\$/)
    t.equal((await signIn(strong, { email })).user.id, user.id)
  }
})

t.test('parallel sign-ins that all want to renew the hash all succeed', async (t) => {
  const { email } = newPerson()
  await signUp(weak, { email })
  const sessions = await Promise.all(Array.from({ length: 12 }, () => signIn(strong, { email })))
  t.equal(new Set(sessions.map(({ sessionId }) => sessionId)).size, 12)
})

async function passwordChangedAt(userId: string): Promise<Date | undefined> {
  const [row] = await weak.db<{ passwordChangedAt: Date }[]>`
    SELECT password_changed_at FROM credentials WHERE user_id = ${userId}`
  return row?.passwordChangedAt
}

async function countStatements({ deps }: TestApp): Promise<number> {
  const { values } = await deps.metrics.databaseQueryDurationSeconds.get()
  // Signing keys are looked at by a clock of their own.
  return values
    .filter(
      ({ metricName, labels }) => metricName?.endsWith('_count') === true && labels.table !== 'signing_keys',
    )
    .reduce((sum, { value }) => sum + value, 0)
}
