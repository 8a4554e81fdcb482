// Attack: learning which accounts exist, or which are disabled, from the body, the headers or the time of a refusal.
// Alone: it compares times.
import t from 'tap'
import { attemptsOf, comparable, countRows, eventsOf, newPerson, signIn, signUp } from './support/accounts.js'
import { password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const wrong = 'not the phrase of anyone'
const app = await createTestApp(t)
const { db } = app

t.test(
  'unknown, wrong, disabled, federated only and of another type: one answer, one event each',
  async (t) => {
    const names = { alice: newPerson(), bob: newPerson(), carol: newPerson(), nobody: newPerson() }
    const { email, username } = names.alice
    const alice = (await signUp(app, { email, username, userType: 'reader' })).user
    const bob = (await signUp(app, { email: names.bob.email })).user
    const carol = (await signUp(app, { email: names.carol.email })).user
    await db`UPDATE users SET disabled_at = now() WHERE id = ${bob.id}`
    await db`DELETE FROM credentials WHERE user_id = ${carol.id}`
    const before = await countRows(app)
    const eventsBefore = (await eventsOf(app)).length
    const attemptsBefore = await attemptsOf(app, 'login')

    const attempts: [body: object, userId: string | null, reason: string][] = [
      [{ email: names.nobody.email, password: wrong }, null, 'unknown_account'],
      [{ username: names.nobody.username, password: wrong }, null, 'unknown_account'],
      [{ email, password: wrong }, alice.id, 'wrong_password'],
      [{ username, password: wrong }, alice.id, 'wrong_password'],
      [{ email, password: `${password} ` }, alice.id, 'wrong_password'],
      [{ email, password: 'short' }, alice.id, 'wrong_password'],
      [{ email: names.bob.email, password }, bob.id, 'account_disabled'],
      [{ email: names.bob.email, password: wrong }, bob.id, 'wrong_password'],
      [{ email: names.carol.email, password }, carol.id, 'no_password'],
      [{ email, password, userType: 'author' }, alice.id, 'wrong_user_type'],
    ]
    const answers = []
    for (const [body] of attempts) answers.push(await app.api('POST', '/login', { body }))
    t.match(answers[0], { status: 401, body: { code: 'invalid_credentials' } })
    t.same(new Set(answers.map(comparable)).size, 1, 'byte for byte')

    const failures = (await eventsOf(app)).slice(eventsBefore).filter(({ type }) => type === 'login.failed')
    t.match(
      failures,
      attempts.map(([, userId, reason]) => ({
        severity: 'notice',
        userId,
        sessionId: null,
        data: { reason },
      })),
    )
    const targets = failures.flatMap(({ data }) => data['target'] ?? [])
    t.equal(new Set(targets).size, 2, 'names that nobody has are told apart in the log')
    t.notMatch(JSON.stringify(failures), names.nobody.username, 'and not told')
    t.same(await countRows(app), before)
    t.same(await attemptsOf(app, 'login', attemptsBefore), { success: 0, failure: attempts.length })
    t.equal((await signIn(app, { email, userType: 'reader' })).user.id, alice.id)
  },
)

// A hash is all but the whole time of a refusal, and a count of hashes is exact where a clock tells of this machine's other work as well.
t.test('whatever is wrong, a refusal costs one hash with the parameters in force', async (t) => {
  const names = { alice: newPerson(), bob: newPerson(), carol: newPerson(), nobody: newPerson() }
  await signUp(app, { email: names.alice.email })
  const bob = (await signUp(app, { email: names.bob.email })).user
  const carol = (await signUp(app, { email: names.carol.email })).user
  await db`UPDATE users SET disabled_at = now() WHERE id = ${bob.id}`
  await db`DELETE FROM credentials WHERE user_id = ${carol.id}`
  for (const [name, { email }] of Object.entries(names)) {
    const before = await hashesOf(app)
    await app.api('POST', '/login', { body: { email, password: wrong } })
    t.equal((await hashesOf(app)) - before, 1, name)
  }
})

t.test('nor does the clock tell them apart, before a lockout or in it', async (t) => {
  const inForce = { argon2MemoryKib: 8192, argon2Time: 2 }
  const shared = { database: app.database }
  const patient = await createTestApp(t, { ...inForce, lockoutAfter: 100_000 }, shared)
  const names = { known: newPerson(), disabled: newPerson(), federated: newPerson(), nobody: newPerson() }
  for (const { email } of [names.known, names.disabled, names.federated]) await signUp(patient, { email })
  await db`UPDATE users SET disabled_at = now() WHERE email = ${names.disabled.email}`
  await db`DELETE FROM credentials WHERE user_id = (SELECT id FROM users WHERE email = ${names.federated.email})`

  const compare = async ({ api }: typeof app, status: number) => {
    const times = new Map(Object.keys(names).map((name) => [name, [] as number[]]))
    for (let round = 0; round < 40; round += 1) {
      for (const [name, { email }] of Object.entries(names)) {
        const startedMs = performance.now()
        t.equal((await api('POST', '/login', { body: { email, password: wrong } })).status, status)
        times.get(name)?.push(performance.now() - startedMs)
      }
    }
    const quick = [...times.values()].map(quickOf)
    const [least, most] = [Math.min(...quick), Math.max(...quick)]
    t.ok(most - least < 0.4 * least + 1, `${status}: from ${least} to ${most} ms`)
  }
  await compare(patient, 401)

  const strict = await createTestApp(t, { ...inForce, lockoutAfter: 1 }, shared)
  for (const { email } of Object.values(names))
    await strict.api('POST', '/login', { body: { email, password: wrong } })
  await compare(strict, 429)
})

async function hashesOf({ deps }: Awaited<ReturnType<typeof createTestApp>>): Promise<number> {
  const { values } = await deps.metrics.passwordHashDurationSeconds.get()
  return values.find(({ metricName }) => metricName?.endsWith('_count') === true)?.value ?? 0
}

t.test('a registration with a taken address costs what another costs', async (t) => {
  const { email } = newPerson()
  await signUp(app, { email })
  const before = await hashesOf(app)
  await app.api('POST', '/register', { body: { email, password } })
  t.equal((await hashesOf(app)) - before, 1)
})

t.test(
  'with REQUIRE_EMAIL_VERIFICATION neither registering nor asking for a link takes longer for one address than for another',
  async (t) => {
    const strict = await createTestApp(
      t,
      { requireEmailVerification: true, limitResetAccount: { max: 100_000, windowSeconds: 60 } },
      { database: app.database },
    )
    const known = newPerson().email
    await signUp(app, { email: known })
    for (const [path, rest] of [
      ['/register', { password }],
      ['/verify-email/resend', {}],
    ] as const) {
      const timeOf = async (email: string) => {
        const startedMs = performance.now()
        const { status } = await strict.api('POST', path, { body: { email, ...rest } })
        t.equal(status, 202)
        return performance.now() - startedMs
      }
      const times = { known: [] as number[], nobody: [] as number[] }
      for (let round = 0; round < 40; round += 1) {
        times.known.push(await timeOf(known))
        times.nobody.push(await timeOf(newPerson().email))
      }
      const [one, other] = [quickOf(times.known), quickOf(times.nobody)]
      // Far below what a request's way through a network varies by, and far above this machine's other work.
      t.ok(Math.abs(one - other) < 0.5 * Math.min(one, other) + 0.5, `${path}: ${one} and ${other} ms`)
    }
  },
)

/** A fifth are quicker. What else the machine does only adds; a hash that is left out would be nine tenths less. */
const quickOf = (all: readonly number[]): number =>
  all.toSorted((one, other) => one - other)[Math.floor(all.length / 5)] ?? 0
