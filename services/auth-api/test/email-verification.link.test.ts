// Attacks: proving an address by a link of another, learning who has an account, leaving a password in the account of somebody else.
import type { Config } from '@latchkey/platform/config/config'
import t from 'tap'
import {
  anotherPassword,
  attemptsOf,
  comparable,
  countRows,
  eventsOf,
  isAlive,
  newPerson,
  signIn,
  signUp,
} from './support/accounts.js'
import {
  findLinkToken,
  findLinkTokens,
  letLinksAge,
  resetPassword,
  resetTokenFor,
} from './support/mail-links.js'
import { newEmail, password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const app = await createTestApp(t)
const { api, db, database } = app
const { authSecret, redisKeyPrefix } = app.deps.config
/** Another instance of the same installation. */
const another = (settings: Partial<Config>) =>
  createTestApp(t, { authSecret, redisKeyPrefix, ...settings }, { database })
const strict = await another({ requireEmailVerification: true })

const verify = (token: string) =>
  api('POST', '/verify-email', { body: { token }, ip: '192.0.2.9', headers: { 'x-request-id': 'verify-1' } })
const resend = (email: string) => api('POST', '/verify-email/resend', { body: { email }, ip: '192.0.2.9' })
const invalid = { status: 400, body: { code: 'one_time_token_invalid' } }

async function linkTo(email: string): Promise<string> {
  const token = await findLinkToken(app, 'verify_email', email)
  if (token === null) throw new Error(`no link for ${email}`)
  return token
}

t.test('the link of a registration proves the address, once, and ends no session', async (t) => {
  const { email } = newPerson()
  const session = await signUp(app, { email })
  t.equal(session.user.emailVerified, false)
  const registered = (await eventsOf(app)).find(({ userId }) => userId === session.user.id)
  t.match(registered, { type: 'user.registered', data: { tokenId: String } })
  const before = (await eventsOf(app)).length
  const token = await linkTo(email)
  t.match(await verify(token), { status: 204, body: {} })
  t.match(await verify(token), invalid)
  t.match((await eventsOf(app)).slice(before), [
    {
      type: 'email.verified',
      severity: 'info',
      userId: session.user.id,
      ip: '192.0.2.9',
      requestId: 'verify-1',
    },
  ])
  t.equal((await eventsOf(app)).length, before + 1)
  t.same(await isAlive(app, session), { access: true, refresh: true })
  t.equal((await signIn(app, { email })).user.emailVerified, true)
})

t.test('no link that is replaced, expired, of somebody disabled, or to another address', async (t) => {
  const { email } = newPerson()
  const { user } = await signUp(app, { email })
  const replaced = await linkTo(email)
  t.match(await resend(email), { status: 202, body: { status: 'sent_if_known' } })
  t.match(await verify(replaced), invalid)
  const newest = await linkTo(email)
  await db`UPDATE users SET disabled_at = now() WHERE id = ${user.id}`
  t.match(await verify(newest), invalid)
  await db`UPDATE users SET disabled_at = NULL WHERE id = ${user.id}`
  await letLinksAge(app, email, 24 * 3600)
  t.match(await verify(newest), invalid)
  await letLinksAge(app, email, -60)
  await db`UPDATE users SET email = ${newEmail()} WHERE id = ${user.id}`
  t.match(await verify(newest), invalid)
  for (const token of ['', 'x', `${newest}A`, newest.replace('lkl_', 'lk1.')])
    t.equal((await verify(token)).status, 400)
  const [row] = await db<{ verified: boolean }[]>`
    SELECT email_verified_at IS NOT NULL AS verified FROM users WHERE id = ${user.id}`
  t.equal(row?.verified, false)
})

t.test('of 20 at once one proves it', async (t) => {
  const { email } = newPerson()
  await signUp(app, { email })
  const token = await linkTo(email)
  const answers = await Promise.all(Array.from({ length: 20 }, () => verify(token)))
  t.equal(answers.filter(({ status }) => status === 204).length, 1)
})

t.test('asking again is answered alike, and only who has to prove it gets a link', async (t) => {
  const [waits, proven, disabled, nobody] = [newPerson(), newPerson(), newPerson(), newPerson()]
  for (const { email } of [waits, proven, disabled]) await signUp(app, { email })
  await db`DELETE FROM one_time_tokens`
  await db`UPDATE users SET email_verified_at = now() WHERE email = ${proven.email}`
  await db`UPDATE users SET disabled_at = now() WHERE email = ${disabled.email}`
  const before = (await eventsOf(app)).length
  const answers = []
  for (const { email } of [waits, proven, disabled, nobody]) answers.push(await resend(email.toUpperCase()))
  t.match(answers[0], { status: 202, body: { status: 'sent_if_known' } })
  t.equal(new Set(answers.map(comparable)).size, 1, 'byte for byte')
  const events = (await eventsOf(app)).slice(before)
  t.same(
    events.map(({ type, data }) => [type, Object.keys(data)]),
    [['tokenId'], [], [], []].map((keys) => ['email.verification_requested', keys]),
  )
  t.equal((await resend('nobody')).status, 400)
})

t.test('there are as many mails as the limit says, whoever asks', async (t) => {
  const limited = await another({
    limitResetAccount: { max: 2, windowSeconds: 60 },
    requireEmailVerification: true,
  })
  for (const email of [newEmail(), newEmail()]) {
    for (const [path, body] of [
      ['/verify-email/resend', { email }],
      ['/register', { email, password }],
    ] as const) {
      const statuses = []
      for (let count = 0; count < 3; count += 1)
        statuses.push((await limited.api('POST', path, { body })).status)
      t.same(statuses, [202, 202, 429], path)
    }
  }
})

t.test('with REQUIRE_EMAIL_VERIFICATION', async (t) => {
  const register = (body: object, options: object = {}) =>
    strict.api('POST', '/register', { ...options, body })
  const logIn = (body: object) => strict.api('POST', '/login', { body })
  const complete = (token: string) => strict.api('POST', '/verify-email', { body: { token } })
  const linksTo = (email: string) => findLinkTokens(app, 'complete_registration', email)

  t.test('there is an account once the link is followed, and not before', async (t) => {
    const { email, username } = newPerson()
    const before = await countRows(app)
    const attempts = await attemptsOf(strict, 'register')
    const body = {
      email,
      password,
      username,
      name: 'Grace',
      traits: { shoe: 41 },
      locale: 'de-AT',
      userType: 'reader',
    }
    const answer = await register(body)
    t.match(answer, { status: 202, body: { status: 'verification_required' } })
    t.equal(answer.headers['set-cookie'], undefined)
    t.same(await countRows(app), { ...before, outbox: before.outbox + 1 })
    t.equal((await logIn({ email, password })).status, 401)
    t.same(await attemptsOf(strict, 'register', attempts), { success: 1, failure: 0 })

    const [token = '', ...others] = await linksTo(email)
    t.same(others, [])
    const seen = (await eventsOf(app)).length
    t.equal((await complete(token)).status, 204)
    t.match(await complete(token), invalid)
    const { user } = await signIn(strict, { email })
    t.match(user, { emailVerified: true, username, name: 'Grace', traits: { shoe: 41 }, userType: 'reader' })
    t.match((await eventsOf(app)).slice(seen, seen + 2), [
      { type: 'user.registered', userId: user.id },
      { type: 'email.verified', userId: user.id },
    ])
    const [row] = await db<{ locale: string }[]>`SELECT locale FROM users WHERE id = ${user.id}`
    t.equal(row?.locale, 'de-AT')
  })

  t.test('an address that has an account is answered alike, and its owner is told', async (t) => {
    const [known, unproven, disabled] = [newPerson(), newPerson(), newPerson()]
    for (const { email } of [known, unproven, disabled]) await signUp(app, { email })
    await db`UPDATE users SET email_verified_at = now() WHERE email = ${known.email}`
    await db`UPDATE users SET disabled_at = now() WHERE email = ${disabled.email}`
    const answers = []
    for (const { email } of [known, unproven, disabled, newPerson()]) {
      const before = await countRows(app)
      answers.push(await register({ email: email.toUpperCase(), password: anotherPassword, name: 'Thief' }))
      t.same(await countRows(app), { ...before, outbox: before.outbox + 1 })
    }
    t.equal(new Set(answers.map(comparable)).size, 1, 'byte for byte')
    const told = (await eventsOf(app)).slice(-4).map(({ type, data }) => [type, Object.keys(data)])
    t.same(told, [
      ...[known, unproven, disabled].map(() => ['user.registration_repeated', []]),
      ['user.registration_requested', ['tokenId', 'mailLocale']],
    ])
    t.equal((await logIn({ email: known.email, password: anotherPassword })).status, 401)
    t.equal((await logIn({ email: known.email, password })).status, 200)
  })

  t.test('each link brings its own password into force, and the first one ends the others', async (t) => {
    const { email } = newPerson()
    await register({ email, password: anotherPassword, name: 'Thief' })
    await register({ email, password, name: 'Owner' })
    await register({ email, password: anotherPassword, name: 'Thief' })
    const [thiefs = '', owners = '', thiefsLast = ''] = await linksTo(email)
    t.equal((await complete(owners)).status, 204)
    t.match(await complete(thiefs), invalid)
    t.match(await complete(thiefsLast), invalid)
    t.equal((await logIn({ email, password: anotherPassword })).status, 401)
    t.equal((await signIn(strict, { email })).user.name, 'Owner')
  })

  t.test('of 50 registrations of an address, all followed at once, one makes the account', async (t) => {
    const { email } = newPerson()
    await Promise.all(Array.from({ length: 50 }, () => register({ email, password })))
    const tokens = await linksTo(email)
    t.equal(tokens.length, 50)
    const answers = await Promise.all(tokens.map((token) => complete(token)))
    t.equal(answers.filter(({ status }) => status === 204).length, 1)
    t.equal(answers.filter(({ status }) => status === 400).length, 49)
  })

  t.test('asking again sends the same links, the newest three', async (t) => {
    const { email } = newPerson()
    for (let count = 0; count < 4; count += 1) await register({ email, password })
    const ids = await db<
      { id: string }[]
    >`SELECT id FROM one_time_tokens WHERE email = ${email} ORDER BY created_at DESC`
    const before = (await eventsOf(app)).length
    t.match(await strict.api('POST', '/verify-email/resend', { body: { email } }), { status: 202 })
    const sent = (await eventsOf(app)).slice(before)
    t.same(
      new Set(sent.map(({ type, data }) => `${type} ${String(data['tokenId'])}`)),
      new Set(ids.slice(0, 3).map(({ id }) => `user.registration_requested ${id}`)),
    )
    await complete((await linksTo(email))[0] ?? '')
    t.match(await strict.api('POST', '/verify-email/resend', { body: { email } }), { status: 202 })
    t.match((await eventsOf(app)).at(-1), { type: 'email.verification_requested', data: {} })
  })

  t.test('nobody learns which usernames are taken', async (t) => {
    const [owner, other] = [newPerson(), newPerson()]
    await signUp(app, { email: owner.email, username: owner.username })
    t.equal((await register({ email: other.email, password, username: owner.username })).status, 202)
    t.equal((await complete((await linksTo(other.email))[0] ?? '')).status, 204)
    t.equal((await signIn(strict, { email: other.email })).user.username, null)
  })

  t.test('a link expires after a day, and what is refused leaves nothing behind', async (t) => {
    const { email } = newPerson()
    await register({ email, password })
    await letLinksAge(app, email, 24 * 3600)
    t.match(await complete((await linksTo(email))[0] ?? ''), invalid)
    const before = await countRows(app)
    t.match(await register({ email, password: 'short' }), {
      status: 400,
      body: { code: 'password_rejected' },
    })
    t.match(await register({ email, password, locale: 'a locale' }), {
      body: { errors: [{ path: '/locale' }] },
    })
    t.same(await countRows(app), before)
  })

  t.test('an account from before that was never proven: no password signs in until it is', async (t) => {
    const { email } = newPerson()
    const session = await signUp(app, { email })
    t.match(await logIn({ email, password }), { status: 401, body: { code: 'invalid_credentials' } })
    t.match((await eventsOf(app)).at(-1), { type: 'login.failed', data: { reason: 'address_unproven' } })
    t.same(await isAlive(app, session), { access: true, refresh: true }, 'its sessions go on')
    await verify(await linkTo(email))
    t.equal((await logIn({ email, password })).status, 200)
  })

  t.test(
    'an account from before that a stranger made: its owner gets it by a reset, and the stranger goes',
    async (t) => {
      const { email } = newPerson()
      const stranger = await signUp(app, { email })
      t.equal((await register({ email, password: anotherPassword })).status, 202)
      t.match((await eventsOf(app)).at(-1), { type: 'user.registration_repeated', data: {} })
      for (const unsent of await linksTo(email)) t.match(await complete(unsent), invalid)
      const token = await resetTokenFor(strict, email)
      t.equal((await resetPassword(strict, token, anotherPassword)).status, 204)
      t.same(await isAlive(app, stranger), { access: false, refresh: false })
      t.equal((await logIn({ email, password })).status, 401)
      t.equal((await logIn({ email, password: anotherPassword })).status, 200)
    },
  )

  t.test('a registration by a client that keeps its session in cookies gets none', async (t) => {
    const cookies = await another({ requireEmailVerification: true, useCookieSessions: true })
    const answer = await cookies.api('POST', '/register', {
      body: { email: newEmail(), password },
      headers: { 'x-session-mode': 'cookie' },
    })
    t.match(answer, { status: 202, body: { status: 'verification_required' } })
    t.equal(answer.headers['set-cookie'], undefined)
  })
})
