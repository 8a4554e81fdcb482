// Attacks: taking an account by its address, keeping it when the owner wants it back, learning who else has an account.
import t from 'tap'
import {
  anotherPassword,
  comparable,
  eventsOf,
  isAlive,
  newPerson,
  signIn,
  signUp,
} from './support/accounts.js'
import { createAddressDriver } from './support/address-driver.js'
import {
  findLinkToken,
  findLinkTokens,
  letLinksAge,
  resetPassword,
  resetTokenFor,
} from './support/mail-links.js'
import { newEmail, password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const app = await createTestApp(t, { hashConcurrency: 4 })
const { api, db } = app

const { addressOf, ask, change, changeLink, confirm, newOwner, undo, undoLink } = createAddressDriver(app)
const invalid = { status: 400, body: { code: 'one_time_token_invalid' } }

t.test('the address changes with the link in the new one, and sessions go on', async (t) => {
  const { email, session } = await newOwner()
  const to = newEmail()
  const before = (await eventsOf(app)).length
  t.match(await ask(session, ` ${to.toUpperCase().replace('@EXAMPLE', '@Example')}`), {
    status: 202,
    body: { status: 'verification_required' },
  })
  const token = await changeLink(to)
  t.same(await addressOf(session), { email, isProven: true })
  t.match(await confirm(token), { status: 204, body: {} })
  t.match(await confirm(token), invalid)
  t.equal((await addressOf(session)).email.toLowerCase(), to)
  t.same(await isAlive(app, session), { access: true, refresh: true })
  t.equal((await api('POST', '/login', { body: { email, password } })).status, 401)
  t.match((await signIn(app, { email: to })).user, { id: session.user.id, emailVerified: true })
  const about = { userId: session.user.id, severity: 'notice', data: { tokenId: String } }
  t.match((await eventsOf(app)).slice(before, before + 2), [
    {
      type: 'email.change_requested',
      sessionId: session.sessionId,
      ip: '192.0.2.9',
      requestId: 'change-1',
      ...about,
    },
    { type: 'email.changed', ...about },
  ])
})

const countTokens = async () => (await db`SELECT count(*)::int AS count FROM one_time_tokens`)[0]

t.test('a request that is refused changes nothing', async (t) => {
  const { email, session } = await newOwner()
  const before = await countTokens()
  const refusals: [to: unknown, given: unknown, code: string, path: string | null][] = [
    ['nobody', password, 'validation_failed', '/newEmail'],
    ['a@example.com\r\nBcc: b@example.com', password, 'validation_failed', '/newEmail'],
    [email.toUpperCase(), password, 'validation_failed', '/newEmail'],
    [{ $ne: '' }, password, 'validation_failed', '/newEmail'],
    [newEmail(), '', 'validation_failed', '/password'],
    [newEmail(), 'x'.repeat(129), 'validation_failed', '/password'],
    [newEmail(), anotherPassword, 'invalid_credentials', null],
  ]
  for (const [to, given, code, path] of refusals) {
    const answer = await ask(session, to, given)
    t.equal(answer.body['code'], code, `${code} ${path ?? ''}`)
    if (path !== null) t.match(answer.body['errors'], [{ path }])
  }
  t.same(await countTokens(), before)
  t.match((await eventsOf(app)).at(-1), {
    type: 'login.failed',
    userId: session.user.id,
    data: { reason: 'wrong_password', during: 'email_change' },
  })
  t.equal((await api('POST', '/change-email', { body: { password, newEmail: newEmail() } })).status, 401)
  await db`DELETE FROM credentials WHERE user_id = ${session.user.id}`
  t.match(await ask(session, newEmail()), { status: 401, body: { code: 'invalid_credentials' } })
})

t.test('it needs fresh authentication, and the mails are counted', async (t) => {
  const { redisKeyPrefix, authSecret } = app.deps.config
  const limited = await createTestApp(
    t,
    {
      limitResetAccount: { max: 2, windowSeconds: 60 },
      redisKeyPrefix: `${redisKeyPrefix}mails:`,
      authSecret,
    },
    { database: app.database },
  )
  const { email } = await newOwner()
  const session = await signIn(limited, { email })
  const askLimited = (to: string) =>
    limited.api('POST', '/change-email', { token: session.accessToken, body: { password, newEmail: to } })
  t.same(
    [await askLimited(newEmail()), await askLimited(newEmail())].map(({ status }) => status),
    [202, 202],
  )
  t.equal((await askLimited(newEmail())).status, 429, 'of a user')
  const target = newEmail()
  const statuses = []
  for (let count = 0; count < 3; count += 1) {
    const other = await signIn(limited, { email: (await newOwner()).email })
    const body = { password, newEmail: target }
    statuses.push((await limited.api('POST', '/change-email', { token: other.accessToken, body })).status)
  }
  t.same(statuses, [202, 202, 429], 'to an address')
})

t.test('another account that has the address makes no difference, and stays as it is', async (t) => {
  const { session } = await newOwner()
  const other = await newOwner()
  const [taken, free] = [await ask(session, other.email), await ask(session, newEmail())]
  t.equal(comparable(taken), comparable(free))
  t.match((await eventsOf(app)).slice(-2), [{ data: {} }, { data: { tokenId: String } }])
  const to = newEmail()
  await ask(session, to)
  await signUp(app, { email: to })
  const token = await changeLink(to)
  t.match(await confirm(token), invalid, 'somebody was faster')
  t.match(await confirm(token), invalid, 'and the link is no worse for it')
})

t.test(
  'links are dead that were replaced, are old, or were overtaken by a change of password or a reset',
  async (t) => {
    const { email, session } = await newOwner()
    const [first, second, third, fourth] = [newEmail(), newEmail(), newEmail(), newEmail()]
    await ask(session, first)
    const replaced = await changeLink(first)
    await ask(session, second)
    t.match(await confirm(replaced), invalid, 'replaced')
    const late = await changeLink(second)
    await letLinksAge(app, second, 24 * 3600)
    t.match(await confirm(late), invalid, 'old')

    await ask(session, third)
    const overtaken = await changeLink(third)
    const body = { currentPassword: password, newPassword: anotherPassword }
    t.equal((await api('POST', '/change-password', { token: session.accessToken, body })).status, 204)
    t.match(await confirm(overtaken), invalid, 'the password was changed')

    await ask(session, fourth, anotherPassword)
    const unexpired = await changeLink(fourth)
    await resetPassword(app, await resetTokenFor(app, email), password)
    t.match(await confirm(unexpired), invalid, 'the owner has reset the password')
    t.same(await addressOf(session), { email, isProven: true })
  },
)

t.test('links to the former address are dead, and its owner may take it again', async (t) => {
  const { email, session } = await newOwner()
  const reset = await resetTokenFor(app, email)
  await change(session)
  t.match(await resetPassword(app, reset, anotherPassword), invalid)
  await change(session, email)
  t.same(await addressOf(session), { email, isProven: true })
})

t.test('the former address takes the account back, and all is over for whoever had it', async (t) => {
  const { email, session } = await newOwner()
  const bystander = await newOwner()
  const thiefs = await change(session)
  const thief = await signIn(app, { email: thiefs })
  const thiefsReset = await resetTokenFor(app, thiefs)
  const planned = newEmail()
  await ask(thief, planned)
  const thiefsChange = await changeLink(planned)
  const before = (await eventsOf(app)).length

  const token = await undoLink(email)
  t.match(await undo(token), { status: 204, body: {} })
  t.match(await undo(token), invalid)
  t.same(await addressOf(session), { email, isProven: true })
  for (const ended of [session, thief]) t.same(await isAlive(app, ended), { access: false, refresh: false })
  t.same(await isAlive(app, bystander.session), { access: true, refresh: true })
  t.equal((await api('POST', '/login', { body: { email, password } })).status, 401)
  t.match(await resetPassword(app, thiefsReset, anotherPassword), invalid)
  t.match(await confirm(thiefsChange), invalid)
  const events = (await eventsOf(app)).slice(before)
  t.match(events[0], { type: 'email.change_undone', severity: 'warning', data: { tokenId: String } })
  t.same(
    new Set(events.filter(({ type }) => type === 'session.revoked').map(({ data }) => data['reason'])),
    new Set(['email_change_undone']),
  )

  const reset = await findLinkToken(app, 'reset_password', email)
  t.equal((await resetPassword(app, reset ?? '', anotherPassword)).status, 204)
  t.equal((await signIn(app, { email, password: anotherPassword })).user.id, session.user.id)
})

t.test(
  'neither a second change, a reset, nor a new password keeps the owner from undoing the first',
  async (t) => {
    const { email, session } = await newOwner()
    const second = await change(session)
    await resetPassword(app, await resetTokenFor(app, second), anotherPassword)
    const thief = await signIn(app, { email: second, password: anotherPassword })
    const third = newEmail()
    await ask(thief, third, anotherPassword)
    await confirm(await changeLink(third))
    const thiefsUndo = await undoLink(second)
    t.equal((await undo(await undoLink(email))).status, 204)
    t.match(await undo(thiefsUndo), invalid, 'a later undo is dead with the change that it belongs to')
    t.same(await addressOf(session), { email, isProven: true })
  },
)

t.test('a thief who undoes a later change leaves the owner the first', async (t) => {
  const { email, session } = await newOwner()
  const second = await change(session)
  await change(session)
  t.equal((await undo(await undoLink(second))).status, 204)
  t.equal((await undo(await undoLink(email))).status, 204)
  t.same(await addressOf(session), { email, isProven: true })
})

t.test('nobody else gets the former address while the change can be undone', async (t) => {
  const { email, session } = await newOwner()
  const other = await newOwner()
  await ask(session, 'parallel@example.org')
  // At once with the change that frees it, too: the order does not matter.
  const rival = (count: number) =>
    api('POST', '/register', { body: { email, password, name: `rival ${count}` } })
  const [confirmed, ...rivals] = await Promise.all([
    confirm(await changeLink('parallel@example.org')),
    ...Array.from({ length: 10 }, (_, count) => rival(count)),
  ])
  t.equal(confirmed?.status, 204)
  t.same(new Set(rivals.map(({ body }) => body['code'])), new Set(['email_taken']))
  await ask(other.session, email)
  t.match(await confirm(await changeLink(email)), invalid)
  await letLinksAge(app, email, 7 * 86_400)
  t.match(await undo(await undoLink(email)), invalid, 'after a week it is free')
  t.equal((await rival(11)).status, 201)
})

t.test('an address that was never proven is told of a change and cannot undo it', async (t) => {
  const { email } = newPerson()
  const session = await signUp(app, { email })
  await change(session)
  t.equal(await undoLink(email), null)
  t.match((await eventsOf(app)).at(-1), { type: 'email.changed', data: {} })
})

t.test('of 50 accounts that want one address at once, one gets it', async (t) => {
  const to = newEmail()
  const owners = await Promise.all(Array.from({ length: 50 }, () => newOwner()))
  await Promise.all(owners.map(({ session }) => ask(session, to)))
  const answers = await Promise.all((await findLinkTokens(app, 'change_email', to)).map(confirm))
  t.equal(answers.filter(({ status }) => status === 204).length, 1)
  t.equal(answers.filter(({ status }) => status === 400).length, 49)
})

t.test('a second factor that was set up since goes with the change, an older one stays', async (t) => {
  for (const [enabledAt, isLeft] of [
    ['now()', false],
    ["now() - interval '1 day'", true],
  ] as const) {
    const { email, session } = await newOwner()
    await change(session)
    await db`
      INSERT INTO totp_factors (user_id, sealed_seed, enabled_at, last_used_step)
      VALUES (${session.user.id}, 'sealed', ${db.unsafe(enabledAt)}, 1)`
    await db`UPDATE users SET mfa_enabled = true WHERE id = ${session.user.id}`
    await undo(await undoLink(email))
    t.same(await db`SELECT mfa_enabled FROM users WHERE id = ${session.user.id}`, [{ mfaEnabled: isLeft }])
  }
})

t.test(
  'a change and an undo at once with sign-ins and refreshes: one right outcome, and nobody waits in a circle',
  async (t) => {
    for (let round = 0; round < 5; round += 1) {
      const { email, session } = await newOwner()
      await change(session)
      const token = await undoLink(email)
      const address = (await addressOf(session)).email
      const [undone, ...others] = await Promise.all([
        undo(token),
        ...Array.from({ length: 4 }, () => api('POST', '/login', { body: { email: address, password } })),
        api('POST', '/refresh', { body: { refreshToken: session.refreshToken } }),
        ask(session, newEmail()),
      ])
      t.equal(undone?.status, 204)
      t.ok(others.every(({ status }) => status < 500))
      const [alive] = await db<{ count: number }[]>`
      SELECT count(*)::int AS count FROM sessions WHERE user_id = ${session.user.id} AND revoked_at IS NULL`
      t.equal(alive?.count, 0)
    }
  },
)
