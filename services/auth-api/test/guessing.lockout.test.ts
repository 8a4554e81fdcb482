// Attacks: guessing one account's password from many addresses, by every name and path, in parallel; learning from a lockout who exists;
// locking an owner out.
import { AppError } from '@latchkey/contracts/errors'
import { clearLockout } from '@latchkey/auth-api/features/guessing/clear-lockout'
import { guessAt } from '@latchkey/auth-api/features/guessing/guess'
import t from 'tap'
import {
  anotherPassword,
  attemptsOf,
  comparable,
  eventsOf,
  newPerson,
  type Person,
  signIn,
  signUp,
} from './support/accounts.js'
import { Browser } from './support/browser.js'
import { createGuesser, isLocked, secondsOf, wrong } from './support/guessing.js'
import { password } from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const day = 86_400
const settings = { lockoutAfter: 10, lockoutDurationSeconds: 900, lockoutMaxSeconds: day }

const app = await createTestApp(t, settings)
const { db, database } = app
const { authSecret } = app.deps.config
/** Another instance, and one for which Redis has lost everything. */
const withoutRedis = await createTestApp(t, { ...settings, authSecret, redisUrl: null }, { database })

const { guess, wait, fail, costOf, attemptsKeptOf } = createGuesser(app)

async function lockedOut(): Promise<{ person: Person; userId: string }> {
  const person = newPerson()
  const { user } = await signUp(app, { email: person.email, username: person.username })
  await fail({ email: person.email }, 10)
  return { person, userId: user.id }
}

const eventsOfType = async (type: string) => (await eventsOf(app)).filter((event) => event.type === type)

t.test('ten failures in a row lock an account: from anywhere, by every name, on every path', async (t) => {
  const { email, username } = newPerson()
  const session = await signUp(app, { email, username })
  const token = session.accessToken
  for (const name of [{ email }, { username }, { email: email.toUpperCase() }]) await fail(name, 3)
  await wait(60)
  t.equal((await app.api('POST', '/step-up', { token, body: { password: wrong } })).status, 401, 'the tenth')

  const refused = [
    await guess(app, { email }),
    await guess(app, { email, password }),
    await guess(app, { username, password }),
    await guess(withoutRedis, { email, password }),
    await app.api('POST', '/api/auth/login', { body: { email, password } }),
    await app.api('POST', '/step-up', { token, body: { password } }),
    await app.api('POST', '/change-password', {
      token,
      body: { currentPassword: password, newPassword: anotherPassword },
    }),
  ]
  for (const answer of refused) {
    t.match(answer, { status: 429, body: { code: 'too_many_attempts' } })
    t.ok(secondsOf(answer) > 890 && secondsOf(answer) <= 900)
  }
  t.equal((await app.api('GET', '/me', { token })).status, 200, 'who is signed in stays so')
  await wait(901)
  t.equal((await signIn(app, { email })).user.id, session.user.id)
})

t.test('attempts during a lockout do not prolong it', async (t) => {
  const { person } = await lockedOut()
  await wait(600)
  for (let index = 0; index < 30; index += 1) t.ok(isLocked(await guess(app, { email: person.email })))
  t.ok(secondsOf(await guess(app, { email: person.email })) <= 300)
})

t.test('each lockout lasts twice as long as the one before, up to a day', async (t) => {
  const pauses = await db<{ attempts: number; seconds: number }[]>`
    SELECT attempts, extract(epoch FROM guess_pause(attempts, 10, 900, 86400))::int AS seconds
    FROM generate_series(1, 120) AS attempts`
  const lockouts = pauses.filter(({ attempts }) => attempts % 10 === 0).map(({ seconds }) => seconds / 900)
  t.same(lockouts, [1, 2, 4, 8, 16, 32, 64, 96, 96, 96, 96, 96])
  const [huge] = await db<{ seconds: number }[]>`
    SELECT extract(epoch FROM guess_pause(2000000000, 1, 900, 86400))::int AS seconds`
  t.equal(huge?.seconds, day, 'however often')

  const { person } = await lockedOut()
  await wait(900)
  await fail({ email: person.email }, 10)
  const second = await guess(app, { email: person.email })
  t.ok(secondsOf(second) > 1790 && secondsOf(second) <= 1800)
})

t.test(
  'before the lockout, attempts have to come at growing intervals; whoever does not wait gets there',
  async (t) => {
    const [somebody, nobody] = [newPerson(), newPerson()]
    await signUp(app, { email: somebody.email })
    const answers: Record<string, [status: number, code: unknown, seconds: number][]> = {}
    for (const { email } of [somebody, nobody]) {
      const all: ApiAnswer[] = []
      for (let index = 0; index < 11; index += 1) all.push(await guess(app, { email }))
      answers[email] = all.map((answer) => [
        answer.status,
        answer.body['code'],
        Math.ceil(secondsOf(answer) / 2) * 2,
      ])
    }
    const expected = [
      ...Array.from({ length: 5 }, () => [401, 'invalid_credentials', NaN]),
      ...[2, 4, 8, 16].map((seconds) => [429, 'rate_limited', seconds]),
      [429, 'too_many_attempts', 900],
      [429, 'too_many_attempts', 900],
    ]
    t.same(answers[somebody.email], expected)
    t.same(answers[nobody.email], expected, 'whether there is such an account or not')
    const told = (await eventsOfType('login.locked')).slice(-2)
    t.match(told, [
      { userId: String, data: { device: false } },
      { userId: null, data: { device: false } },
    ])

    const patient = newPerson()
    await signUp(app, { email: patient.email })
    await fail({ email: patient.email }, 5)
    t.match(await guess(app, { email: patient.email, password }), {
      status: 429,
      body: { code: 'rate_limited' },
    })
    await wait(2)
    await signIn(app, { email: patient.email })
  },
)

t.test('a lockout tells nobody who exists: known, disabled, without password and unknown', async (t) => {
  const names = { known: newPerson(), disabled: newPerson(), federated: newPerson(), nobody: newPerson() }
  const { known, disabled, federated } = names
  await signUp(app, { email: known.email })
  const { user } = await signUp(app, { email: disabled.email })
  await db`UPDATE users SET disabled_at = now() WHERE id = ${user.id}`
  const { user: passwordless } = await signUp(app, { email: federated.email })
  await db`DELETE FROM credentials WHERE user_id = ${passwordless.id}`

  const seen = new Set<string>()
  for (const [name, { email }] of Object.entries(names)) {
    await fail({ email }, 10)
    const cost = await costOf(async () => {
      const answer = await guess(app, { email, password })
      t.ok(isLocked(answer), name)
      seen.add(comparable({ ...answer, headers: { ...answer.headers, 'retry-after': null } }))
    })
    t.same(cost, { hashes: 0, statements: 2 }, name)
  }
  t.equal(seen.size, 1, 'byte for byte')
})

t.test('a lockout neither begins nor ends because somebody registers', async (t) => {
  const { email } = newPerson()
  await fail({ email }, 10)
  const browser = new Browser(app.api)
  t.equal((await browser.call('POST', '/register', { body: { email, password } })).status, 201)
  t.ok(isLocked(await guess(app, { email, password })), 'as it was for nobody')
  t.equal(
    (await browser.call('POST', '/login', { body: { email, password } })).status,
    200,
    'but the owner has a pass',
  )
})

t.test('parallel guesses cannot outrun the counter, on however many instances', async (t) => {
  const { email } = newPerson()
  await signUp(app, { email })
  const cost = await costOf(async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => guess(index % 2 === 0 ? app : withoutRedis, { email })),
    )
    const checked = answers.filter(({ status }) => status === 401).length
    t.ok(checked >= 5 && checked <= 10, `${checked} were looked at`)
    t.equal(answers.filter(({ status }) => status === 429).length, 200 - checked)
  })
  t.ok(cost.hashes <= 10)
  t.ok(isLocked(await guess(app, { email, password })))
})

t.test('people who sign in to one account at once are not taken for guessers', async (t) => {
  const { email, username } = newPerson()
  await signUp(app, { email, username })
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, index) =>
      guess(app, { ...(index % 2 === 0 ? { email } : { username }), password }),
    ),
  )
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.equal(await attemptsKeptOf(email), 0, 'and nothing of them is kept')
})

t.test('a right password forgets the failures of its own account and of no other', async (t) => {
  const [alice, bob] = [newPerson(), newPerson()]
  for (const { email } of [alice, bob]) {
    await signUp(app, { email })
    await fail({ email }, 9)
  }
  await wait(60)
  await signIn(app, { email: alice.email })
  await fail({ email: alice.email }, 9)
  await fail({ email: bob.email }, 1)
  t.ok(isLocked(await guess(app, { email: bob.email, password })))
  t.notOk(isLocked(await guess(app, { email: alice.email })))
})

t.test('a step-up and a change of password forget failures, too', async (t) => {
  const { email } = newPerson()
  const { accessToken: token } = await signUp(app, { email })
  await fail({ email }, 9)
  await wait(60)
  t.equal((await app.api('POST', '/step-up', { token, body: { password } })).status, 200)
  await fail({ email }, 9)
  await wait(60)
  const body = { currentPassword: password, newPassword: anotherPassword }
  t.equal((await app.api('POST', '/change-password', { token, body })).status, 204)
  await fail({ email }, 9)
})

t.test('failures are forgotten a day after the next attempt could have come', async (t) => {
  const { email } = newPerson()
  await fail({ email }, 9)
  await wait(day + 20)
  await fail({ email }, 9)
  await wait(day - 120)
  t.equal((await guess(app, { email })).status, 401)
  t.ok(isLocked(await guess(app, { email })))
})

t.test('each lockout is told once, with who brought it about', async (t) => {
  const before = (await eventsOfType('login.locked')).length
  const failuresBefore = await attemptsOf(app, 'login')
  const { person, userId } = await lockedOut()
  for (let index = 0; index < 5; index += 1) await guess(app, { email: person.email })
  t.match((await eventsOfType('login.locked')).slice(before), [
    { severity: 'warning', userId, sessionId: null, ip: /^198\.18\./, data: { device: false } },
  ])
  t.same(await attemptsOf(app, 'login', failuresBefore), { success: 0, failure: 15 })
})

t.test('a reset and an administrator end a lockout', async (t) => {
  const { person, userId } = await lockedOut()
  await clearLockout(db, app.deps, userId)
  await signIn(app, { email: person.email })
  await t.resolves(clearLockout(db, app.deps, '0190a6f0-0000-7000-8000-000000000000'), 'of nobody')
})

t.test('what fails on our side is no failed attempt, and what is not enough yet neither', async (t) => {
  const { email, ip } = newPerson()
  const target = { user: null, name: `email ${email}`, pass: null }
  const origin = { ip, userAgent: null, requestId: 'r', traceId: null }
  const attempt = (check: Parameters<typeof guessAt<void>>[3]) => guessAt(app.deps, target, origin, check)
  await fail({ email }, 4)
  for (let index = 0; index < 20; index += 1) {
    await t.rejects(
      attempt(() => Promise.reject(new AppError('unavailable'))),
      { code: 'unavailable' },
    )
    await t.rejects(
      attempt(() => Promise.reject(new Error('a bug'))),
      { message: 'a bug' },
    )
    await attempt((taken) => taken.handBack())
  }
  await fail({ email }, 5)
  await wait(60)
  await attempt((taken) => taken.handBack())
  t.equal((await guess(app, { email })).status, 401, 'the tenth')
  t.ok(isLocked(await guess(app, { email })))

  const other = newPerson().email
  await t.rejects(
    guessAt(app.deps, { ...target, name: `email ${other}` }, origin, () =>
      Promise.reject(new AppError('unavailable')),
    ),
  )
  t.equal(await attemptsKeptOf(other), 0)
})
