// Attacks: using a link twice, too late or over a second factor, and an account that somebody else has made with one's address.
import type { Session } from '@latchkey/contracts/http/answers'
import t from 'tap'
import {
  attemptsOf,
  comparable,
  countRows,
  eventsOf,
  isAlive,
  newPerson,
  signIn,
  signUp,
} from './support/accounts.js'
import { enrol, freshCode } from './support/authenticator.js'
import { Browser } from './support/browser.js'
import {
  findLinkToken,
  letLinksAge,
  magicTokenFor,
  resetPassword,
  resetTokenFor,
} from './support/mail-links.js'
import { password } from './support/session-driver.js'
import { createTestApp, type CallOptions } from './support/test-app.js'

const app = await createTestApp(t, {
  magicLink: true,
  useCookieSessions: true,
  allowedOrigins: ['https://app.example.com'],
  hashConcurrency: 4,
})
const { api, db } = app

const verify = (token: string, body: object = {}, options: CallOptions = {}) =>
  api('POST', '/magic-link/verify', { ...options, body: { token, ...body } })

/** Somebody whose address is proven. */
async function signUpProven(email: string): Promise<Session> {
  const session = await signUp(app, { email })
  await db`UPDATE users SET email_verified_at = now() WHERE id = ${session.user.id}`
  return session
}

t.test('the link signs in, and says how', async (t) => {
  const { email, ip } = newPerson()
  const elsewhere = await signUpProven(email)
  const attempts = await attemptsOf(app, 'login')
  const before = (await eventsOf(app)).length
  const token = await magicTokenFor(app, email)
  const answer = await verify(token, { deviceName: 'Kitchen' }, { ip })
  t.match(answer, { status: 200, body: { tokenType: 'Bearer', user: { email } } })
  const session = answer.body as unknown as Session
  t.match(JSON.parse(Buffer.from(session.accessToken.split('.')[1] ?? '', 'base64url').toString()), {
    sub: elsewhere.user.id,
    amr: ['email'],
    aal: 1,
  })
  t.same(await isAlive(app, session), { access: true, refresh: true })
  t.same(await isAlive(app, elsewhere), { access: true, refresh: true })
  t.match((await eventsOf(app)).slice(before), [
    { type: 'magic_link.requested', severity: 'info', userId: elsewhere.user.id },
    {
      type: 'login.succeeded',
      userId: elsewhere.user.id,
      sessionId: session.sessionId,
      ip,
      data: { amr: ['email'], deviceName: 'Kitchen' },
    },
  ])
  t.same(await attemptsOf(app, 'login', attempts), { success: 1, failure: 0 })
})

t.test('known, disabled and nobody: one answer, one event', async (t) => {
  const [known, disabled, nobody] = [newPerson(), newPerson(), newPerson()]
  await signUpProven(known.email)
  const { user } = await signUpProven(disabled.email)
  await db`UPDATE users SET disabled_at = now() WHERE id = ${user.id}`
  const answers = []
  for (const { email } of [known, disabled, nobody]) {
    const before = await countRows(app)
    answers.push(await api('POST', '/magic-link', { body: { email } }))
    t.equal((await countRows(app)).outbox, before.outbox + 1)
    t.equal((await findLinkToken(app, 'magic_link', email)) !== null, email === known.email)
  }
  t.match(answers[0], { status: 202, body: { status: 'sent_if_known' } })
  t.equal(new Set(answers.map(comparable)).size, 1, 'byte for byte')
})

t.test('no link that is used, replaced, expired, forged, disabled or meant for something else', async (t) => {
  const { email } = newPerson()
  const { user } = await signUpProven(email)
  const replaced = await magicTokenFor(app, email)
  const newest = await magicTokenFor(app, email)
  const refusals: [why: string, token: string, prepare?: () => Promise<unknown>][] = [
    ['replaced', replaced],
    ['forged', `${newest.slice(0, -1)}${newest.endsWith('A') ? 'Q' : 'A'}`],
    ['for a reset', await resetTokenFor(app, email)],
    ['disabled', newest, () => db`UPDATE users SET disabled_at = now() WHERE id = ${user.id}`],
    ['after ten minutes', newest, () => letLinksAge(app, email, 600)],
  ]
  const before = await countRows(app)
  for (const [why, token, prepare] of refusals) {
    await prepare?.()
    const seen = (await eventsOf(app)).length
    t.match(await verify(token), { status: 400, body: { code: 'one_time_token_invalid' } }, why)
    t.match((await eventsOf(app)).slice(seen), [
      { type: 'login.failed', userId: null, data: { reason: 'invalid_link' } },
    ])
  }
  t.equal((await countRows(app)).sessions, before.sessions)
  await db`UPDATE users SET disabled_at = NULL WHERE id = ${user.id}`
  await letLinksAge(app, email, -600)
  t.match(await verify(newest), { status: 200 }, 'none of which has harmed it')
  t.equal((await verify(newest)).status, 400, 'used')
  const left = await magicTokenFor(app, email)
  await db`UPDATE users SET email = ${`new-${email}`} WHERE id = ${user.id}`
  t.equal((await verify(left)).status, 400, 'for an address that is not the account’s any more')
})

t.test('of 20 sign-ins with one link one succeeds', async (t) => {
  const { email } = newPerson()
  const { user } = await signUpProven(email)
  const token = await magicTokenFor(app, email)
  const answers = await Promise.all(Array.from({ length: 20 }, () => verify(token)))
  t.equal(answers.filter(({ status }) => status === 200).length, 1)
  t.equal(answers.filter(({ body }) => body['code'] === 'one_time_token_invalid').length, 19)
  t.equal((await db`SELECT id FROM sessions WHERE user_id = ${user.id}`).length, 2)
})

t.test('no session by a link outlives a reset, whichever is first', async (t) => {
  for (let round = 0; round < 8; round += 1) {
    const { email } = newPerson()
    const { user } = await signUpProven(email)
    const [reset, link] = [await resetTokenFor(app, email), await magicTokenFor(app, email)]
    const resetting = resetPassword(app, reset, `the phrase of round ${round}`)
    if (round % 2 === 1) await new Promise(setImmediate)
    const [signedIn, done] = await Promise.all([verify(link), resetting])
    t.equal(done.status, 204)
    t.ok([200, 400].includes(signedIn.status), `${signedIn.status}`)
    t.same(await db`SELECT id FROM sessions WHERE user_id = ${user.id} AND revoked_at IS NULL`, [])
  }
})

t.test(
  'the first link to an address that nobody has proven takes the account from who made it',
  async (t) => {
    const { email } = newPerson()
    const registrant = await signUp(app, { email })
    await enrol(app, registrant)
    const reset = await resetTokenFor(app, email)
    const before = (await eventsOf(app)).length
    const owner = await verify(await magicTokenFor(app, email))
    t.match(owner, {
      status: 200,
      body: { user: { id: registrant.user.id, emailVerified: true, mfaEnabled: false } },
    })
    t.same(await isAlive(app, registrant), { access: false, refresh: false })
    t.equal((await api('POST', '/login', { body: { email, password } })).status, 401)
    t.equal((await resetPassword(app, reset, 'a link from before the owner came')).status, 400)
    t.match((await eventsOf(app)).slice(before + 1), [
      { type: 'email.verified', userId: registrant.user.id },
      { type: 'mfa.disabled', userId: registrant.user.id, data: { reason: 'address_proven' } },
      { type: 'session.revoked', sessionId: registrant.sessionId, data: { reason: 'address_proven' } },
      { type: 'login.succeeded', userId: registrant.user.id },
      { type: 'login.failed' },
    ])
    await resetPassword(app, await resetTokenFor(app, email), password)
    await signIn(app, { email })
  },
)

t.test('a second factor is asked for as ever, and the link is used', async (t) => {
  const { email } = newPerson()
  const session = await signUpProven(email)
  await enrol(app, session)
  const before = await countRows(app)
  const token = await magicTokenFor(app, email)
  const answer = await verify(token)
  t.match(answer, {
    status: 200,
    body: { mfaRequired: true, methods: ['totp', 'recovery_code'], expiresIn: 300 },
  })
  t.notOk(answer.body['accessToken'])
  t.equal((await countRows(app)).sessions, before.sessions)
  t.equal((await verify(token)).status, 400)
})

t.test('nor does one by a link and a second factor, of a user without a password', async (t) => {
  for (let round = 0; round < 6; round += 1) {
    const { email } = newPerson()
    const authenticator = await enrol(app, await signUpProven(email))
    const userId = authenticator.session.user.id
    await db`DELETE FROM credentials WHERE user_id = ${userId}`
    const reset = await resetTokenFor(app, email)
    const { mfaToken } = (await verify(await magicTokenFor(app, email))).body
    const code = await freshCode(app, authenticator)
    const resetting = resetPassword(app, reset, `the phrase of round ${round}`)
    for (let turn = 0; turn < round; turn += 1) await app.api('GET', '/health')
    const [, done] = await Promise.all([
      api('POST', '/2fa/challenge', { body: { mfaToken, code } }),
      resetting,
    ])
    t.equal(done.status, 204)
    t.same(await db`SELECT id FROM sessions WHERE user_id = ${userId} AND revoked_at IS NULL`, [])
  }
})

t.test('in a browser the session comes in cookies, and takes the place of the one before', async (t) => {
  const browser = new Browser(api)
  const replaced = await browser.register()
  const { email } = newPerson()
  await signUpProven(email)
  const body = { token: await magicTokenFor(app, email) }
  const headers = { 'x-session-mode': 'cookie' }
  const foreign = await browser.call('POST', '/magic-link/verify', {
    body,
    headers: { ...headers, origin: 'https://evil.example' },
  })
  t.match(foreign, { status: 403, body: { code: 'csrf_invalid' } }, 'and no other page signs a browser in')
  const answer = await browser.call('POST', '/magic-link/verify', { body, headers })
  t.match(answer, { status: 200, body: { user: { email } } })
  t.notMatch(JSON.stringify(answer.body), /eyJ|lk1\./)
  t.match((await browser.call('GET', '/me')).body, { email })
  t.match(await db`SELECT revoke_reason FROM sessions WHERE id = ${replaced.sessionId}`, [
    { revokeReason: 'logout' },
  ])
})
