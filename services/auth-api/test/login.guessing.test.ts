// Attacks: guessing passwords in parallel, by every name of an account, by every path; a flood that takes the service down.
import t from 'tap'
import { anotherPassword, countRows, eventTypes, signIn, signUp } from './support/accounts.js'
import { password } from './support/session-driver.js'
import { createTestApp, type TestApp } from './support/test-app.js'

const wrong = 'not the phrase of anyone'
const three = { limitLoginAccount: { max: 3, windowSeconds: 60 } }

const guess = ({ api }: TestApp, body: object, ip = '192.0.2.1') =>
  api('POST', '/login', { body: { password: wrong, ...body }, ip })

for (const redis of ['with Redis', 'without Redis']) {
  const settings = redis === 'with Redis' ? three : { ...three, redisUrl: null }

  t.test(`${redis}: an account answers so many guesses from an address, whatever it is called`, async (t) => {
    const app = await createTestApp(t, settings)
    await signUp(app, { email: 'alice@example.com', username: 'alice' })
    t.equal((await guess(app, { email: 'alice@example.com' })).status, 401)
    t.equal((await guess(app, { email: 'ALICE@EXAMPLE.com' })).status, 401)
    t.equal((await guess(app, { username: 'Alice' })).status, 401)
    for (const body of [
      { email: 'alice@example.com' },
      { username: 'alice' },
      { email: 'alice@example.com', password },
    ]) {
      const limited = await guess(app, body)
      t.match(limited, { status: 429, body: { code: 'rate_limited' } })
      t.ok(Number(limited.headers['retry-after']) > 0)
    }
    t.equal(
      (await app.api('POST', '/api/auth/login', { body: { username: 'alice', password }, ip: '192.0.2.1' }))
        .status,
      429,
    )
    await signIn(app, { email: 'alice@example.com' }, { ip: '198.51.100.1' })
    t.equal((await eventTypes(app)).filter((type) => type === 'rate_limit.exceeded').length, 1, 'told once')
  })

  t.test(`${redis}: parallel guesses cannot outrun the counter`, async (t) => {
    const app = await createTestApp(t, settings)
    await signUp(app, { email: 'alice@example.com', username: 'alice' })
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        guess(app, index % 2 === 0 ? { email: 'alice@example.com' } : { username: 'alice' }),
      ),
    )
    t.equal(answers.filter(({ status }) => status === 401).length, 3)
    t.equal(answers.filter(({ status }) => status === 429).length, 17)
  })

  t.test(`${redis}: a right password clears its own account’s guesses and no other’s`, async (t) => {
    const app = await createTestApp(t, settings)
    await signUp(app, { email: 'alice@example.com' })
    await signUp(app, { email: 'bob@example.com' })
    for (const email of ['alice@example.com', 'bob@example.com']) {
      await guess(app, { email })
      await guess(app, { email })
    }
    await signIn(app, { email: 'alice@example.com' }, { ip: '192.0.2.1' })
    for (const status of [401, 401, 401, 429])
      t.equal((await guess(app, { email: 'alice@example.com' })).status, status)
    for (const status of [401, 429]) t.equal((await guess(app, { email: 'bob@example.com' })).status, status)
  })
}

t.test('a name that nobody has is limited like one that somebody has', async (t) => {
  const app = await createTestApp(t, three)
  for (const body of [{ email: 'nobody@example.com' }, { username: 'nobody' }]) {
    for (const status of [401, 401, 401, 429]) t.equal((await guess(app, body)).status, status)
  }
})

t.test('an address has so many attempts over all accounts, under both prefixes', async (t) => {
  const app = await createTestApp(t, { limitLoginAddress: { max: 4, windowSeconds: 60 } })
  await signUp(app, { email: 'alice@example.com' })
  for (let index = 0; index < 4; index += 1) {
    const path = index % 2 === 0 ? '/api/v1/auth/login' : '/api/auth/login'
    const body = { email: `nobody${index}@example.com`, password: wrong }
    t.equal((await app.api('POST', path, { body, ip: '2001:db8::1' })).status, 401)
  }
  const limited = await guess(app, { email: 'alice@example.com', password }, '2001:db8::2')
  t.match(limited, { status: 429, body: { code: 'rate_limited' } }, 'IPv6 counts by /64')
  await signIn(app, { email: 'alice@example.com' }, { ip: '2001:db8:0:1::1' })
})

t.test('guesses at the current password count as guesses at the account', async (t) => {
  const app = await createTestApp(t, three)
  const session = await signUp(app, { email: 'alice@example.com' })
  const change = (currentPassword: string) =>
    app.api('POST', '/change-password', {
      token: session.accessToken,
      body: { currentPassword, newPassword: anotherPassword },
      ip: '192.0.2.1',
    })
  t.equal((await guess(app, { email: 'alice@example.com' })).status, 401)
  t.equal((await change(wrong)).status, 401)
  t.equal((await change(wrong)).status, 401)
  t.match(await change(password), { status: 429, body: { code: 'rate_limited' } })
  t.equal((await guess(app, { email: 'alice@example.com' })).status, 429)
})

t.test(
  'beyond the queue for hashes a sign-in is told so at once, before it is looked up or counted',
  async (t) => {
    const app = await createTestApp(t, {
      limitLoginAccount: { max: 5, windowSeconds: 60 },
      hashConcurrency: 1,
      hashQueueMax: 2,
      argon2MemoryKib: 16_384,
      argon2Time: 3,
    })
    await signUp(app, { email: 'alice@example.com' })
    const before = await countRows(app)
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => guess(app, { email: 'alice@example.com' })),
    )
    const refused = answers.filter(({ status }) => status === 503)
    t.equal(refused.length, 9)
    for (const { body, headers } of refused) {
      t.equal(body['code'], 'overloaded')
      t.equal(headers['retry-after'], '1')
    }
    t.equal(answers.filter(({ status }) => status === 401).length, 3)
    t.same(await countRows(app), before)
    t.equal((await eventTypes(app)).filter((type) => type === 'login.failed').length, 3)
    // Three were counted, not twelve: two guesses are left.
    for (const status of [401, 401, 429])
      t.equal((await guess(app, { email: 'alice@example.com' })).status, status)
  },
)
