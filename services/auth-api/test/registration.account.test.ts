// Attacks: taking somebody's name, giving oneself rights, leaving half an account behind.
import t from 'tap'
import {
  attemptsOf,
  comparable,
  countRows,
  eventsOf,
  isAlive,
  newPerson,
  passwordHashOf,
  signUp,
} from './support/accounts.js'
import { createAddressDriver } from './support/address-driver.js'
import { newEmail, password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const app = await createTestApp(t)
const { database } = app

t.test('a registration makes a user, a credential and a first session, and tells of both', async (t) => {
  const attempts = await attemptsOf(app, 'register')
  const eventsBefore = (await eventsOf(app)).length
  const body = {
    email: ' Alice@EXAMPLE.com',
    password,
    passwordConfirmation: password,
    name: 'Alice Liddell',
    username: 'Alice.L',
    userType: 'reader',
    traits: { phone: '+911234567890', tags: ['a', null, 1] },
  }
  const answer = await app.api('POST', '/register', {
    body,
    ip: '192.0.2.7',
    headers: { 'x-request-id': 'reg-1' },
  })
  t.equal(answer.status, 201)
  t.equal(answer.headers['cache-control'], 'no-store')
  const session = answer.body as unknown as Awaited<ReturnType<typeof signUp>>
  const { user } = session
  t.match(user, {
    email: 'Alice@example.com',
    emailVerified: false,
    username: 'alice.l',
    name: 'Alice Liddell',
    userType: 'reader',
    roles: ['user'],
    traits: { phone: '+911234567890', tags: ['a', null, 1] },
    mfaEnabled: false,
  })
  t.equal(user.lastLoginAt, user.createdAt)
  t.same(await isAlive(app, session), { access: true, refresh: true })
  t.match(await passwordHashOf(app, user), /^\$argon2id\$v=19\$m=1024,t=1,p=1\$/)
  const about = { userId: user.id, ip: '192.0.2.7', requestId: 'reg-1', severity: 'info' }
  t.match((await eventsOf(app)).slice(eventsBefore), [
    { type: 'user.registered', sessionId: null, ...about },
    { type: 'login.succeeded', sessionId: session.sessionId, ...about },
  ])
  t.same(await attemptsOf(app, 'register', attempts), { success: 1, failure: 0 })
})

t.test('an address and a password are enough; every spelling of the route counts as one', async (t) => {
  const limitedApp = await createTestApp(
    t,
    { limitRegisterAddress: { max: 4, windowSeconds: 60 } },
    { database },
  )
  const paths = ['/api/v1/auth/register', '/api/v1/auth/signup', '/api/auth/register', '/api/auth/signup']
  for (const path of paths) {
    const { status, body } = await limitedApp.api('POST', path, { body: { email: newEmail(), password } })
    t.equal(status, 201)
    t.match(body['user'], { username: null, name: null, userType: null, traits: {} })
  }
  for (const path of paths) {
    const limited = await limitedApp.api('POST', path, { body: { email: newEmail(), password } })
    t.equal(limited.status, 429)
    t.equal(limited.body['code'], 'rate_limited')
  }
})

t.test('a registration that is refused leaves nothing behind', async (t) => {
  const attempts = await attemptsOf(app, 'register')
  const taken = newPerson()
  await signUp(app, { email: taken.email, username: taken.username })
  const before = await countRows(app)
  const email = newEmail()
  const refusals: [body: Record<string, unknown>, code: string, path: string | null][] = [
    [{ email: taken.email.toUpperCase(), password }, 'email_taken', null],
    [{ email, password, username: taken.username.toUpperCase() }, 'username_taken', null],
    [{ email: 'nobody', password }, 'validation_failed', '/email'],
    [{ email: 'a@example.com\r\nBcc: b@example.com', password }, 'validation_failed', '/email'],
    [{ email, password, passwordConfirmation: `${password}!` }, 'validation_failed', '/passwordConfirmation'],
    [{ email, password, username: 'no spaces' }, 'validation_failed', '/username'],
    [{ email, password, name: 'a\u202eb' }, 'validation_failed', '/name'],
    [{ email, password, traits: { blob: 'x'.repeat(16 * 1024) } }, 'validation_failed', '/traits'],
    [{ email, password, traits: ['no', 'object'] }, 'validation_failed', '/traits'],
    [{ email, password, roles: ['admin'] }, 'validation_failed', '/roles'],
    [{ email, password, emailVerified: true }, 'validation_failed', '/emailVerified'],
    [{ email, password: 'short' }, 'password_rejected', '/password'],
    [{ email, password: 'Password123!' }, 'password_rejected', '/password'],
    [{ email, password: 'x y'.repeat(50) }, 'password_rejected', '/password'],
    [{ email, password, username: 5 }, 'validation_failed', '/username'],
    [{ email }, 'validation_failed', '/password'],
    [{ password }, 'validation_failed', '/email'],
  ]
  for (const [body, code, path] of refusals) {
    const answer = await app.api('POST', '/register', { body })
    const name = `${code} ${path ?? ''} ${JSON.stringify(body).slice(0, 60)}`
    t.equal(answer.body['code'], code, name)
    if (path !== null) t.match(answer.body['errors'], [{ path }], name)
    t.notMatch(JSON.stringify(answer.body), password, 'no password in an answer')
  }
  t.same(await countRows(app), before)
  const { success, failure } = await attemptsOf(app, 'register', attempts)
  t.same({ success, failure }, { success: 1, failure: 9 }, 'what a schema refuses is no attempt')
})

t.test('a password made of one’s own words is refused with every reason', async (t) => {
  const answer = await app.api('POST', '/register', {
    body: { email: 'quux@example.com', name: 'Quux Frobnitz', password: 'Frobnitz!' },
  })
  t.equal(answer.status, 400)
  t.equal(answer.body['code'], 'password_rejected')
  t.same(answer.body['errors'], [
    { path: '/password', message: 'must have at least 10 characters' },
    {
      path: '/password',
      message: 'is made of your name, e-mail address or username, or of the name of this service',
    },
  ])
})

t.test('beyond the queue for hashes a registration is told so before anything is written', async (t) => {
  const settings = { hashConcurrency: 1, hashQueueMax: 2, argon2MemoryKib: 16_384, argon2Time: 3 }
  const busy = await createTestApp(t, settings, { database })
  const before = await countRows(app)
  const answers = await Promise.all(
    Array.from({ length: 12 }, () =>
      busy.api('POST', '/register', { body: { email: newEmail(), password } }),
    ),
  )
  const refused = answers.filter(({ status }) => status === 503)
  t.equal(answers.filter(({ status }) => status === 201).length, 3)
  t.equal(refused.length, 9)
  for (const answer of refused) {
    t.equal(answer.body['code'], 'overloaded')
    t.equal(answer.headers['retry-after'], '1')
  }
  t.same(await countRows(app), {
    users: before.users + 3,
    credentials: before.credentials + 3,
    sessions: before.sessions + 3,
    outbox: before.outbox + 6,
  })
})

t.test(
  'of twenty registrations of one name at once exactly one wins, and the rest leave nothing',
  async (t) => {
    for (const [field, code] of [
      ['email', 'email_taken'],
      ['username', 'username_taken'],
    ] as const) {
      const before = await countRows(app)
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => {
          const wanted = field === 'email' ? 'one@example.com' : `two${index}@example.com`
          // The same name in many cases.
          const email = index % 2 === 0 ? wanted : wanted.toUpperCase()
          const username = field === 'email' ? `one${index}` : index % 2 === 0 ? 'Duchess' : 'duchess'
          return app.api('POST', '/register', { body: { email, username, password } })
        }),
      )
      t.equal(answers.filter(({ status }) => status === 201).length, 1, `one ${field}`)
      const losers = answers.filter(({ status }) => status !== 201)
      t.same(new Set(losers.map((answer) => comparable(answer))).size, 1, 'all losers are told the same')
      t.match(losers[0], { status: 409, body: { code } })
      const after = await countRows(app)
      t.same(after, {
        users: before.users + 1,
        credentials: before.credentials + 1,
        sessions: before.sessions + 1,
        outbox: before.outbox + 2,
      })
    }
  },
)

t.test('addresses that look alike are one address, or none', async (t) => {
  const { ask, newOwner } = createAddressDriver(app)
  const { session } = await newOwner()
  const target = await newOwner()
  await app.db`UPDATE users SET email = 'grace@xn--bcher-kva.example' WHERE id = ${target.session.user.id}`
  for (const spelling of [
    'GRACE@bücher.example',
    'grace@BÜCHER.example',
    'ｇｒａｃｅ@bücher.example',
    'grace@bu\u0308cher.example',
  ]) {
    t.equal((await ask(session, spelling)).status, 202, spelling)
    t.match((await eventsOf(app)).at(-1), { type: 'email.change_requested', data: {} }, spelling)
    t.match(await app.api('POST', '/register', { body: { email: spelling, password } }), {
      body: { code: 'email_taken' },
    })
  }
  for (const spelling of ['gr\u0430ce@bücher.example', 'grace\u200b@bücher.example', 'ĝrace@bücher.example'])
    t.match(await ask(session, spelling), { status: 400, body: { code: 'validation_failed' } }, spelling)
})
