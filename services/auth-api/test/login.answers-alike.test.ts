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

t.test('an unknown account costs a hash with the parameters in force, like a wrong password', async (t) => {
  // Large enough a hash that the rest of a request is noise beside it.
  const app = await createTestApp(t, { argon2MemoryKib: 19_456, argon2Time: 2 })
  await signUp(app, { email: 'alice@example.com' })
  const time = async (email: string): Promise<number> => {
    const start = process.hrtime.bigint()
    await app.api('POST', '/login', { body: { email, password: wrong } })
    return Number(process.hrtime.bigint() - start)
  }
  const known: number[] = []
  const unknown: number[] = []
  // In turns, so that whatever else this machine does falls on both.
  for (let round = 0; round < 15; round += 1) {
    known.push(await time('alice@example.com'))
    unknown.push(await time(`nobody${round}@example.com`))
  }
  const ratio = median(unknown) / median(known)
  t.ok(ratio > 0.6 && ratio < 1.7, `unknown to wrong: ${ratio.toFixed(2)}; without a hash it is below 0.3`)
})

function median(values: number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN
}

t.test('the time and the answer of a registration do not tell more than its 409 does', async (t) => {
  const app = await createTestApp(t)
  await signUp(app, { email: 'alice@example.com' })
  const { values } = await app.deps.metrics.passwordHashDurationSeconds.get()
  const hashes = (all: typeof values) =>
    all.find(({ metricName }) => metricName?.endsWith('_count') === true)?.value ?? 0
  await app.api('POST', '/register', { body: { email: 'alice@example.com', password } })
  const after = (await app.deps.metrics.passwordHashDurationSeconds.get()).values
  t.equal(hashes(after) - hashes(values), 1, 'a taken address costs a hash as well')
})
