// Attacks: signing in under another spelling of a name; a stored hash that stays weak; what a sign-in costs under load.
import t from 'tap'
import { attemptsOf, eventsOf, isAlive, passwordHashOf, signIn, signUp } from './support/accounts.js'
import { password } from './support/session-driver.js'
import { createTestApp, type TestApp } from './support/test-app.js'

t.test('e-mail and username sign in, in any case, each to a session of its own', async (t) => {
  const app = await createTestApp(t)
  const registered = await signUp(app, { email: 'Alice@example.com', username: 'alice' })
  const bodies = [
    { email: 'alice@EXAMPLE.com' },
    { email: ' ALICE@example.com ' },
    { username: 'ALICE' },
    { username: 'alice', deviceName: 'Kitchen tablet' },
  ]
  const sessions = []
  for (const body of bodies) sessions.push(await signIn(app, body, { ip: '192.0.2.8' }))
  for (const session of sessions) {
    t.equal(session.user.id, registered.user.id)
    t.ok(session.user.lastLoginAt! > registered.user.lastLoginAt!)
  }
  t.equal(new Set([registered, ...sessions].map(({ sessionId }) => sessionId)).size, 5)
  const last = sessions.at(-1)!
  t.same(await isAlive(app, last), { access: true, refresh: true })
  const { body } = await app.api('GET', '/sessions', { token: last.accessToken })
  t.match(
    (body['sessions'] as { id: string }[]).find(({ id }) => id === last.sessionId),
    { deviceName: 'Kitchen tablet', ipAddress: '192.0.2.8' },
  )
  t.match((await eventsOf(app)).at(-1), {
    type: 'login.succeeded',
    severity: 'info',
    userId: registered.user.id,
    sessionId: last.sessionId,
    ip: '192.0.2.8',
  })
  t.same(await attemptsOf(app, 'login'), { success: 4, failure: 0 })
})

t.test('what is not exactly one name and a password is refused before anything is counted', async (t) => {
  const app = await createTestApp(t, { limitLoginAccount: { max: 1, windowSeconds: 60 } })
  await signUp(app, { email: 'alice@example.com', username: 'alice' })
  const refused: [body: Record<string, unknown>, path: string][] = [
    [{ password }, '/email'],
    [{ email: 'alice@example.com', username: 'alice', password }, '/username'],
    [{ email: 'alice', password }, '/email'],
    [{ email: 'alice@example.com\r\n', password }, '/email'],
    [{ email: 'alice@example.com' }, '/password'],
    [{ email: 'alice@example.com', password: '' }, '/password'],
    [{ email: 'alice@example.com', password: 'x'.repeat(129) }, '/password'],
    [{ email: 'alice@example.com', password: 'ﷺ'.repeat(20) }, '/password'],
    [{ email: 'alice@example.com', password: ['x'] }, '/password'],
    [{ email: { $ne: null }, password }, '/email'],
    [{ email: 'alice@example.com', password, admin: true }, '/admin'],
  ]
  for (const [body, path] of refused) {
    const answer = await app.api('POST', '/login', { body })
    t.equal(answer.status, 400)
    t.match(answer.body, { code: 'validation_failed', errors: [{ path }] }, JSON.stringify(body).slice(0, 60))
  }
  t.equal((await signIn(app, { email: 'alice@example.com' })).user.username, 'alice')
})

t.test('a sign-in is two statements, and three when the hash is renewed', async (t) => {
  const weak = await createTestApp(t)
  await signUp(weak, { email: 'alice@example.com' })
  const before = await countStatements(weak)
  await signIn(weak, { email: 'alice@example.com' })
  t.equal((await countStatements(weak)) - before, 2)

  const strong = await createTestApp(t, { argon2Time: 3 }, { database: weak.database })
  const old = await countStatements(strong)
  await signIn(strong, { email: 'alice@example.com' })
  t.equal((await countStatements(strong)) - old, 3)
})

t.test(
  'a sign-in renews a hash that is weaker than the parameters in force, and says nothing of it',
  async (t) => {
    const weak = await createTestApp(t)
    const { user } = await signUp(weak, { email: 'alice@example.com' })
    const [before] = await weak.db<
      { changed: Date }[]
    >`SELECT password_changed_at AS changed FROM credentials`
    const strong = await createTestApp(
      t,
      { argon2MemoryKib: 2048, argon2Time: 2 },
      { database: weak.database },
    )

    await strong.api('POST', '/login', {
      body: { email: 'alice@example.com', password: 'not the right phrase' },
    })
    t.match(await passwordHashOf(strong, user), /\$m=1024,t=1,p=1\$/, 'a wrong password renews nothing')
    await signIn(strong, { email: 'alice@example.com' })
    const renewed = await passwordHashOf(strong, user)
    t.match(renewed, /^\$argon2id\$v=19\$m=2048,t=2,p=1\$/)
    await signIn(strong, { email: 'alice@example.com' })
    t.equal(await passwordHashOf(strong, user), renewed, 'once')
    await signIn(weak, { email: 'alice@example.com' })
    t.equal(await passwordHashOf(strong, user), renewed, 'and never weakened')
    t.same(await strong.db`SELECT password_changed_at AS changed FROM credentials`, [before])
  },
)

t.test('parallel sign-ins that all want to renew the hash all succeed', async (t) => {
  const weak = await createTestApp(t)
  await signUp(weak, { email: 'alice@example.com' })
  const strong = await createTestApp(t, { argon2Time: 2, hashConcurrency: 4 }, { database: weak.database })
  const sessions = await Promise.all(
    Array.from({ length: 12 }, () => signIn(strong, { email: 'alice@example.com' })),
  )
  t.equal(new Set(sessions.map(({ sessionId }) => sessionId)).size, 12)
})

async function countStatements({ deps }: TestApp): Promise<number> {
  const { values } = await deps.metrics.databaseQueryDurationSeconds.get()
  // Signing keys are looked at by a clock of their own.
  return values
    .filter(
      ({ metricName, labels }) => metricName?.endsWith('_count') === true && labels.table !== 'signing_keys',
    )
    .reduce((sum, { value }) => sum + value, 0)
}
