// Attacks: learning from a reset which accounts exist, using a link twice, too late or for another, keeping what was stolen over it.
import type { Session } from '@latchkey/contracts/http/answers'
import { encodeOneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import t from 'tap'
import {
  anotherPassword,
  attemptsOf,
  comparable,
  countRows,
  eventsOf,
  isAlive,
  newPerson,
  passwordHashOf,
  signIn,
  signUp,
} from './support/accounts.js'
import { enrol } from './support/authenticator.js'
import { findLinkToken, letLinksAge, resetPassword, resetTokenFor } from './support/mail-links.js'
import { password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

// Room for several hashes at once, so that resets and sign-ins meet between them.
const app = await createTestApp(t, { hashConcurrency: 4 })
const { api, db } = app

const forgot = (email: string, ip = '192.0.2.9') =>
  api('POST', '/forgot-password', { body: { email }, ip, headers: { 'x-request-id': 'forgot-1' } })

t.test('the link sets the password, and ends every session and every other link', async (t) => {
  const { email } = newPerson()
  const stolen = await signUp(app, { email })
  const userId = stolen.user.id
  await db`UPDATE users SET email_verified_at = now() WHERE id = ${userId}`
  const bystander = await signUp(app, { email: newPerson().email })
  await db`
    INSERT INTO one_time_tokens (id, token_hash, purpose, user_id, email, expires_at)
    SELECT gen_random_uuid(), sha256(purpose::bytea), purpose, ${userId}, ${email}, now() + interval '1 hour'
    FROM (VALUES ('verify_email'), ('change_email'), ('magic_link'), ('undo_email_change')) AS other (purpose)
    ON CONFLICT DO NOTHING`
  const attempts = await attemptsOf(app, 'reset')
  const token = await resetTokenFor(app, email)
  const before = (await eventsOf(app)).length

  const options = { ip: '192.0.2.9', headers: { 'x-request-id': 'reset-1' } }
  const answer = await resetPassword(app, token, anotherPassword, options)
  t.match(answer, { status: 204, body: {} })
  t.equal(answer.headers['set-cookie'], undefined, 'it signs nobody in')
  const about = { userId, ip: '192.0.2.9', requestId: 'reset-1' }
  t.match((await eventsOf(app)).slice(before), [
    { type: 'password.reset', severity: 'notice', ...about },
    { type: 'session.revoked', sessionId: stolen.sessionId, data: { reason: 'password_reset' }, ...about },
  ])
  t.same(await isAlive(app, stolen), { access: false, refresh: false })
  t.same(await isAlive(app, bystander), { access: true, refresh: true })
  t.same(
    await db`SELECT purpose FROM one_time_tokens WHERE user_id = ${userId}`,
    [{ purpose: 'undo_email_change' }],
    'whoever took the mailbox over cannot take this one from the owner',
  )
  t.equal((await api('POST', '/login', { body: { email, password } })).status, 401)
  const own = await signIn(app, { email, password: anotherPassword })
  t.equal(own.user.id, userId)
  t.same(await attemptsOf(app, 'reset', attempts), { success: 1, failure: 0 })
})

t.test('who registered with the address of somebody else keeps nothing of the account', async (t) => {
  const { email } = newPerson()
  const registrant = await signUp(app, { email })
  await enrol(app, registrant)
  const before = (await eventsOf(app)).length
  await resetPassword(app, await resetTokenFor(app, email), anotherPassword)
  t.same(await isAlive(app, registrant), { access: false, refresh: false })
  t.equal((await api('POST', '/login', { body: { email, password } })).status, 401)
  t.match((await signIn(app, { email, password: anotherPassword })).user, {
    id: registrant.user.id,
    emailVerified: true,
  })
  t.match((await eventsOf(app)).slice(before + 1, before + 5), [
    { type: 'email.verified', userId: registrant.user.id },
    { type: 'mfa.disabled', data: { reason: 'address_proven' } },
    { type: 'session.revoked', data: { reason: 'address_proven' } },
    { type: 'password.reset' },
  ])
})

t.test('known, disabled, without a password, unverified and nobody: one answer, one event', async (t) => {
  const known = newPerson()
  const disabled = newPerson()
  const federated = newPerson()
  const nobody = newPerson()
  const ids = new Map<string, string | null>([[nobody.email, null]])
  for (const { email } of [known, disabled, federated]) ids.set(email, (await signUp(app, { email })).user.id)
  await db`UPDATE users SET disabled_at = now() WHERE email = ${disabled.email}`
  await db`DELETE FROM credentials WHERE user_id = ${ids.get(federated.email) ?? null}`
  const answers = []
  for (const [email, userId] of ids) {
    const before = await countRows(app)
    const seen = (await eventsOf(app)).length
    answers.push(await forgot(email.toUpperCase()))
    t.equal((await countRows(app)).outbox, before.outbox + 1)
    const [event] = (await eventsOf(app)).slice(seen)
    t.match(event, {
      type: 'password.reset_requested',
      severity: 'notice',
      userId,
      ip: '192.0.2.9',
      requestId: 'forgot-1',
    })
    const isSent = email === known.email || email === federated.email
    t.same(Object.keys(event?.data ?? {}), isSent ? ['tokenId'] : [], 'only what names a token makes a mail')
    t.equal((await findLinkToken(app, 'reset_password', email)) !== null, isSent)
  }
  t.match(answers[0], { status: 202, body: { status: 'sent_if_known' } })
  t.equal(new Set(answers.map(comparable)).size, 1, 'byte for byte')

  const token = await findLinkToken(app, 'reset_password', federated.email)
  t.equal((await resetPassword(app, token!, anotherPassword)).status, 204)
  await signIn(app, { email: federated.email, password: anotherPassword })
})

t.test('nor does the time tell them apart', async (t) => {
  const known = newPerson()
  await signUp(app, { email: known.email })
  const times = { known: [] as number[], nobody: [] as number[] }
  const timeOf = async (email: string) => {
    const start = performance.now()
    await forgot(email)
    return performance.now() - start
  }
  for (let round = 0; round < 60; round += 1) {
    times.known.push(await timeOf(known.email))
    times.nobody.push(await timeOf(newPerson().email))
  }
  const median = (all: number[]) => all.toSorted((one, other) => one - other)[all.length / 2] ?? 0
  const [one, other] = [median(times.known), median(times.nobody)]
  t.ok(
    Math.abs(one - other) < 0.5 * Math.min(one, other) + 0.5,
    `${one.toFixed(2)} and ${other.toFixed(2)} ms`,
  )
})

t.test('a password that is refused leaves the link whole, and tells nothing without one', async (t) => {
  const { email } = newPerson()
  const session = await signUp(app, { email, username: 'tweedledee' })
  const token = await resetTokenFor(app, email)
  const before = await countRows(app)
  for (const weak of ['short', 'tweedledee42', 'Sunshine2024!', 'x'.repeat(129)]) {
    t.match(await resetPassword(app, token, weak), {
      status: 400,
      body: { code: 'password_rejected', errors: [{ path: '/password' }] },
    })
  }
  const refused = [token.slice(0, -1), `${token}A`, 'x', token.replace('lkl_', 'lk1.')]
  const answers = []
  for (const none of refused) {
    for (const chosen of ['short', anotherPassword]) answers.push(await resetPassword(app, none, chosen))
  }
  t.match(answers[0], { status: 400, body: { code: 'one_time_token_invalid' } })
  t.equal(new Set(answers.map(comparable)).size, 1)
  t.same(await countRows(app), before)
  t.same(await isAlive(app, session), { access: true, refresh: true })
  t.equal((await resetPassword(app, token, anotherPassword)).status, 204)
})

t.test('no link that is used, replaced, expired, disabled or meant for something else', async (t) => {
  const { email } = newPerson()
  const { user } = await signUp(app, { email })
  const hash = await passwordHashOf(app, user)
  const replaced = await resetTokenFor(app, email)
  const newest = await resetTokenFor(app, email)
  const isRefused = async (token: string, why: string) => {
    t.match(
      await resetPassword(app, token, anotherPassword),
      { status: 400, body: { code: 'one_time_token_invalid' } },
      why,
    )
    t.equal(await passwordHashOf(app, user), hash, why)
  }
  await isRefused(replaced, 'replaced')
  const [row] = await db<
    { id: string }[]
  >`SELECT id FROM one_time_tokens WHERE email = ${email} AND purpose = 'reset_password'`
  await isRefused(
    encodeOneTimeToken(app.deps.keyring.current, { purpose: 'magic_link', id: row!.id }),
    'for something else',
  )
  await db`UPDATE users SET disabled_at = now() WHERE id = ${user.id}`
  await isRefused(newest, 'disabled')
  await db`UPDATE users SET disabled_at = NULL, email = ${`new-${email}`} WHERE id = ${user.id}`
  await isRefused(newest, 'the address has changed')
  await db`UPDATE users SET email = ${email} WHERE id = ${user.id}`
  await letLinksAge(app, email, 30 * 60)
  await isRefused(newest, 'after half an hour')
  await letLinksAge(app, email, -60)
  t.equal((await resetPassword(app, newest, anotherPassword)).status, 204, 'a minute earlier')
  t.equal((await resetPassword(app, newest, password)).status, 400, 'used')
})

t.test('of 20 resets with one link one wins', async (t) => {
  for (let round = 0; round < 2; round += 1) {
    const { email } = newPerson()
    await signUp(app, { email })
    const token = await resetTokenFor(app, email)
    const phrases = Array.from({ length: 20 }, (_, index) => `the phrase of number ${index}`)
    const answers = await Promise.all(phrases.map((phrase) => resetPassword(app, token, phrase)))
    const winners = phrases.filter((_, index) => answers[index]?.status === 204)
    t.equal(winners.length, 1)
    for (const { status, body } of answers)
      if (status !== 204) t.equal(body['code'], 'one_time_token_invalid')
    await signIn(app, { email, password: winners[0] })
  }
})

t.test('no sign-in with the old password outlives the reset, whichever is first', async (t) => {
  let opened = 0
  for (let round = 0; round < 6; round += 1) {
    const { email } = newPerson()
    const session = await signUp(app, { email })
    const token = await resetTokenFor(app, email)
    const logins = Array.from({ length: 6 }, () => api('POST', '/login', { body: { email, password } }))
    if (round % 2 === 1) await Promise.all(logins.slice(0, 3))
    t.equal((await resetPassword(app, token, anotherPassword)).status, 204)
    for (const login of await Promise.all(logins)) {
      if (login.status !== 200) continue
      opened += 1
      t.same(await isAlive(app, login.body as unknown as Session), { access: false, refresh: false })
    }
    t.same(await db`SELECT id FROM sessions WHERE user_id = ${session.user.id} AND revoked_at IS NULL`, [])
  }
  t.ok(opened > 0, `${opened} sign-ins were in time to be ended`)
})

const strict = await createTestApp(
  t,
  {
    limitResetAccount: { max: 3, windowSeconds: 3600 },
    limitResetAddress: { max: 8, windowSeconds: 3600 },
    lockoutAfter: 3,
  },
  { database: app.database },
)

t.test('it neither skips nor removes the second factor of an owner', async (t) => {
  const { email } = newPerson()
  const session = await signUp(app, { email })
  await db`UPDATE users SET email_verified_at = now() WHERE id = ${session.user.id}`
  await enrol(app, session)
  await resetPassword(app, await resetTokenFor(app, email), anotherPassword)
  const answer = await api('POST', '/login', { body: { email, password: anotherPassword } })
  t.match(answer, { status: 200, body: { mfaRequired: true } })
})

t.test('it ends a lockout', async (t) => {
  const { email } = newPerson()
  await signUp(strict, { email })
  const logIn = (phrase: string) => strict.api('POST', '/login', { body: { email, password: phrase } })
  for (let tries = 0; tries < 3; tries += 1) await logIn('not the phrase of anyone')
  t.equal((await logIn(password)).body['code'], 'too_many_attempts')
  await resetPassword(strict, await resetTokenFor(strict, email), anotherPassword)
  t.equal((await logIn(anotherPassword)).status, 200)
})

t.test('mails are limited by address asked for and by address asked from, alike for nobody', async (t) => {
  const ask = (email: string, ip: string) => strict.api('POST', '/forgot-password', { body: { email }, ip })
  const [known, nobody] = [newPerson(), newPerson()]
  await signUp(app, { email: known.email })
  for (const { email, ip } of [known, nobody]) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(email, ip)))
    t.equal(answers.filter(({ status }) => status === 202).length, 3, 'whatever comes at once')
    const refused = await ask(` ${email.toUpperCase()} `, `${ip}0`)
    t.match(refused, { status: 429, body: { code: 'rate_limited' }, headers: { 'retry-after': /^3\d{3}$/ } })
    t.equal((await ask(newPerson().email, ip)).status, 429, 'the ninth from one address')
  }
})
