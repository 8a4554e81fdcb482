// Attacks: guessing passwords in parallel, by every name of an account, by every path; a flood that takes the service down.
import t from 'tap'
import { anotherPassword, countRows, eventsOf, newPerson, signIn, signUp } from './support/accounts.js'
import { password } from './support/session-driver.js'
import { createTestApp, type TestApp } from './support/test-app.js'

const wrong = 'not the phrase of anyone'
const three = { limitLoginAccount: { max: 3, windowSeconds: 60 } }

const withRedis = await createTestApp(t, three)
const { database } = withRedis
const withoutRedis = await createTestApp(t, { ...three, redisUrl: null }, { database })

const guess = ({ api }: TestApp, body: object, ip: string) =>
  api('POST', '/login', { body: { password: wrong, ...body }, ip })

for (const [redis, app] of Object.entries({ 'with Redis': withRedis, 'without Redis': withoutRedis })) {
  t.test(`${redis}: an account answers so many guesses from an address, whatever it is called`, async (t) => {
    const { email, username, ip } = newPerson()
    const elsewhere = newPerson().ip
    await signUp(app, { email, username })
    t.equal((await guess(app, { email }, ip)).status, 401)
    t.equal((await guess(app, { email: email.toUpperCase() }, ip)).status, 401)
    t.equal((await guess(app, { username: username.toUpperCase() }, ip)).status, 401)
    for (const body of [{ email }, { username }, { email, password }]) {
      const limited = await guess(app, body, ip)
      t.match(limited, { status: 429, body: { code: 'rate_limited' } })
      t.ok(Number(limited.headers['retry-after']) > 0)
    }
    t.equal((await app.api('POST', '/api/auth/login', { body: { username, password }, ip })).status, 429)
    await signIn(app, { email }, { ip: elsewhere })
    const told = (await eventsOf(app)).filter(({ type }) => type === 'rate_limit.exceeded')
    const places = told.map((event) => event.ip).filter((place) => place === ip || place === elsewhere)
    t.same(places, [ip], 'told once')
  })

  t.test(`${redis}: parallel guesses cannot outrun the counter`, async (t) => {
    const { email, username, ip } = newPerson()
    await signUp(app, { email, username })
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => guess(app, index % 2 === 0 ? { email } : { username }, ip)),
    )
    t.equal(answers.filter(({ status }) => status === 401).length, 3)
    t.equal(answers.filter(({ status }) => status === 429).length, 17)
  })

  t.test(`${redis}: a right password clears its own account’s guesses and no other’s`, async (t) => {
    const [alice, bob] = [newPerson(), newPerson()]
    const { ip } = alice
    for (const { email } of [alice, bob]) {
      await signUp(app, { email })
      await guess(app, { email }, ip)
      await guess(app, { email }, ip)
    }
    await signIn(app, { email: alice.email }, { ip })
    for (const status of [401, 401, 401, 429])
      t.equal((await guess(app, { email: alice.email }, ip)).status, status)
    for (const status of [401, 429]) t.equal((await guess(app, { email: bob.email }, ip)).status, status)
  })
}

t.test('a name that nobody has is limited like one that somebody has', async (t) => {
  const { email, username, ip } = newPerson()
  for (const body of [{ email }, { username }]) {
    for (const status of [401, 401, 401, 429]) t.equal((await guess(withRedis, body, ip)).status, status)
  }
})

t.test('an address has so many attempts over all accounts, under both prefixes', async (t) => {
  const app = await createTestApp(t, { limitLoginAddress: { max: 4, windowSeconds: 60 } }, { database })
  const { email } = newPerson()
  await signUp(app, { email })
  for (let index = 0; index < 4; index += 1) {
    const path = index % 2 === 0 ? '/api/v1/auth/login' : '/api/auth/login'
    const body = { email: `nobody${index}@example.com`, password: wrong }
    t.equal((await app.api('POST', path, { body, ip: '2001:db8::1' })).status, 401)
  }
  const limited = await guess(app, { email, password }, '2001:db8::2')
  t.match(limited, { status: 429, body: { code: 'rate_limited' } }, 'IPv6 counts by /64')
  await signIn(app, { email }, { ip: '2001:db8:0:1::1' })
})

t.test('guesses at the current password count as guesses at the account', async (t) => {
  const app = withRedis
  const { email, ip } = newPerson()
  const session = await signUp(app, { email })
  const change = (currentPassword: string) =>
    app.api('POST', '/change-password', {
      token: session.accessToken,
      body: { currentPassword, newPassword: anotherPassword },
      ip,
    })
  t.equal((await guess(app, { email }, ip)).status, 401)
  t.equal((await change(wrong)).status, 401)
  t.equal((await change(wrong)).status, 401)
  t.match(await change(password), { status: 429, body: { code: 'rate_limited' } })
  t.equal((await guess(app, { email }, ip)).status, 429)
})

t.test(
  'beyond the queue for hashes a sign-in is told so at once, before it is looked up or counted',
  async (t) => {
    const settings = {
      limitLoginAccount: { max: 5, windowSeconds: 60 },
      hashConcurrency: 1,
      hashQueueMax: 2,
      argon2MemoryKib: 16_384,
      argon2Time: 3,
    }
    const app = await createTestApp(t, settings, { database })
    const { email, ip } = newPerson()
    await signUp(app, { email })
    const before = await countRows(app)
    const answers = await Promise.all(Array.from({ length: 12 }, () => guess(app, { email }, ip)))
    const refused = answers.filter(({ status }) => status === 503)
    t.equal(refused.length, 9)
    for (const { body, headers } of refused) {
      t.equal(body['code'], 'overloaded')
      t.equal(headers['retry-after'], '1')
    }
    t.equal(answers.filter(({ status }) => status === 401).length, 3)
    t.same(await countRows(app), before)
    const failures = (await eventsOf(app)).filter((event) => event.type === 'login.failed' && event.ip === ip)
    t.equal(failures.length, 3)
    // Three were counted, not twelve: two guesses are left.
    for (const status of [401, 401, 429]) t.equal((await guess(app, { email }, ip)).status, status)
  },
)
