// Attack: learning which accounts exist, or which are disabled, from the body, the headers or the time of a refusal.
import t from 'tap'
import { attemptsOf, comparable, countRows, eventsOf, signIn, signUp } from './support/accounts.js'
import { password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const wrong = 'not the phrase of anyone'

t.test(
  'unknown, wrong, disabled, federated only and of another type: one answer, one event each',
  async (t) => {
    const app = await createTestApp(t)
    const { db } = app
    const alice = (await signUp(app, { email: 'alice@example.com', username: 'alice', userType: 'reader' }))
      .user
    const bob = (await signUp(app, { email: 'bob@example.com' })).user
    const carol = (await signUp(app, { email: 'carol@example.com' })).user
    await db`UPDATE users SET disabled_at = now() WHERE id = ${bob.id}`
    await db`DELETE FROM credentials WHERE user_id = ${carol.id}`
    const before = await countRows(app)

    const attempts: [body: object, userId: string | null, reason: string][] = [
      [{ email: 'nobody@example.com', password: wrong }, null, 'unknown_account'],
      [{ username: 'nobody', password: wrong }, null, 'unknown_account'],
      [{ email: 'alice@example.com', password: wrong }, alice.id, 'wrong_password'],
      [{ username: 'alice', password: wrong }, alice.id, 'wrong_password'],
      [{ email: 'alice@example.com', password: `${password} ` }, alice.id, 'wrong_password'],
      [{ email: 'alice@example.com', password: 'short' }, alice.id, 'wrong_password'],
      [{ email: 'bob@example.com', password }, bob.id, 'account_disabled'],
      [{ email: 'bob@example.com', password: wrong }, bob.id, 'wrong_password'],
      [{ email: 'carol@example.com', password }, carol.id, 'no_password'],
      [{ email: 'alice@example.com', password, userType: 'author' }, alice.id, 'wrong_user_type'],
    ]
    const answers = []
    for (const [body] of attempts) answers.push(await app.api('POST', '/login', { body }))
    t.match(answers[0], { status: 401, body: { code: 'invalid_credentials' } })
    t.same(new Set(answers.map(comparable)).size, 1, 'byte for byte')

    const failures = (await eventsOf(app)).filter(({ type }) => type === 'login.failed')
    t.match(
      failures,
      attempts.map(([, userId, reason]) => ({
        severity: 'notice',
        userId,
        sessionId: null,
        data: { reason },
      })),
    )
    t.same(await countRows(app), before)
    t.same(await attemptsOf(app, 'login'), { success: 0, failure: attempts.length })
    t.equal((await signIn(app, { email: 'alice@example.com', userType: 'reader' })).user.id, alice.id)
  },
)

// A hash is all but the whole time of a refusal, so it is hashes that are counted: a clock would tell of this machine's other work.
t.test('whatever is wrong, a refusal costs one hash with the parameters in force', async (t) => {
  const app = await createTestApp(t)
  await signUp(app, { email: 'alice@example.com' })
  const bob = (await signUp(app, { email: 'bob@example.com' })).user
  const carol = (await signUp(app, { email: 'carol@example.com' })).user
  await app.db`UPDATE users SET disabled_at = now() WHERE id = ${bob.id}`
  await app.db`DELETE FROM credentials WHERE user_id = ${carol.id}`
  for (const name of ['alice', 'bob', 'carol', 'nobody']) {
    const before = await hashesOf(app)
    await app.api('POST', '/login', { body: { email: `${name}@example.com`, password: wrong } })
    t.equal((await hashesOf(app)) - before, 1, name)
  }
})

async function hashesOf({ deps }: Awaited<ReturnType<typeof createTestApp>>): Promise<number> {
  const { values } = await deps.metrics.passwordHashDurationSeconds.get()
  return values.find(({ metricName }) => metricName?.endsWith('_count') === true)?.value ?? 0
}

t.test('a registration with a taken address costs what another costs', async (t) => {
  const app = await createTestApp(t)
  await signUp(app, { email: 'alice@example.com' })
  const before = await hashesOf(app)
  await app.api('POST', '/register', { body: { email: 'alice@example.com', password } })
  t.equal((await hashesOf(app)) - before, 1)
})
