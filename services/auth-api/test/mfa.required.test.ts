// Attacks: getting in, or anywhere, without the second factor that one must have; completing somebody else's sign-in, or one twice.
import type { Session, TotpSetup } from '@latchkey/contracts/http/answers'
import { finishFirstFactor } from '@latchkey/auth-api/features/mfa/finish-first-factor'
import { openSession } from '@latchkey/auth-api/features/sessions/open-session'
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import {
  anotherPassword,
  attemptsOf,
  isAlive,
  newPerson,
  passwordHashOf,
  signUp,
} from './support/accounts.js'
import {
  claimsOf,
  codeNow,
  enrol,
  enrolledPerson,
  eventsFor,
  freshCode,
  mfaTokenOf,
  wrongCode,
} from './support/authenticator.js'
import {
  enrolmentTokenOf,
  insertPasskey,
  newTeacher,
  setUpRequired,
  type Waiting,
} from './support/enrolments.js'
import { readQrCode } from './support/qr-codes.js'
import { password } from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const requireMfa = { admins: true, everyone: false, userTypes: ['teacher'] }
const testApp = await createTestApp(t, {
  hashConcurrency: 4,
  limitMfaChallenge: { max: 5, windowSeconds: 900 },
  requireMfa,
  useCookieSessions: true,
})
const { api, db, deps } = testApp
const origin = { ip: '192.0.2.1', userAgent: null, requestId: 'r', traceId: null }
const first = { passwordHash: null, mfaEnabled: false, amr: ['pwd'], deviceName: null, origin }

const told = (userId: string, type: string) => eventsFor(testApp, userId, type)
const post = (path: string, body: object, headers: Record<string, string> = {}): Promise<ApiAnswer> =>
  api('POST', path, { body, headers })

async function countSessions(userId: string): Promise<number> {
  const rows = await db`SELECT FROM sessions WHERE user_id = ${userId} AND revoked_at IS NULL`
  return rows.length
}

const invalid = { status: 400, body: { code: 'one_time_token_invalid' } }

t.test('who must have a second factor sets one up, and only then gets in', async (t) => {
  const { email } = newPerson()
  const registered = await post('/register', { email, password, userType: 'teacher' })
  t.equal(registered.status, 201)
  t.strictSame(registered.body, {
    mfaEnrolmentRequired: true,
    mfaToken: registered.body['mfaToken'],
    methods: registered.body['methods'],
    expiresIn: 900,
  })
  t.match(registered.body['methods'], ['totp'])
  t.equal(registered.headers['set-cookie'], undefined)
  const [{ id: userId }] = await db<[{ id: string }]>`SELECT id FROM users WHERE email = ${email}`
  t.equal(await countSessions(userId), 0)

  const before = await attemptsOf(testApp, '2fa')
  const { body } = await post('/login', { email, password, deviceName: 'Laptop' })
  t.match(await told(userId, 'mfa.enrolment_required'), [{ data: { amr: ['pwd'] } }, { severity: 'info' }])
  const setup = await post('/2fa/enrolment/setup', { mfaToken: body['mfaToken'] })
  const { secret, otpauthUrl, qrCode } = setup.body as unknown as TotpSetup
  t.equal(readQrCode(qrCode), otpauthUrl)
  const { status, body: done } = await post('/2fa/enrolment/verify', {
    mfaToken: body['mfaToken'],
    code: codeNow(secret),
  })
  t.equal(status, 200)
  const session = done as unknown as Session & { recoveryCodes: string[] }
  t.equal(session.recoveryCodes.length, 10)
  t.match(claimsOf(session), { sub: userId, amr: ['pwd', 'otp', 'mfa'], aal: 2 })
  t.equal(session.user.mfaEnabled, true)
  t.same(await isAlive(testApp, session), { access: true, refresh: true })
  t.equal(await countSessions(userId), 1)
  t.same(await attemptsOf(testApp, '2fa', before), { success: 1, failure: 0 })
  t.match(await told(userId, 'mfa.enabled'), [{ severity: 'notice', sessionId: null }])
  t.match(await told(userId, 'login.succeeded'), [{ data: { deviceName: 'Laptop' } }])

  t.match(await post('/2fa/enrolment/setup', { mfaToken: registered.body['mfaToken'] }), invalid, 'all over')
  const person = { secret, session, recoveryCodes: session.recoveryCodes }
  const mfaToken = await mfaTokenOf(testApp, email)
  t.equal((await post('/2fa/challenge', { mfaToken, code: await freshCode(testApp, person) })).status, 200)
  const recoveryCode = session.recoveryCodes[0]
  t.equal(
    (await post('/2fa/challenge', { mfaToken: await mfaTokenOf(testApp, email), recoveryCode })).status,
    200,
  )
  t.match((await api('GET', '/2fa', { token: session.accessToken })).body, { isRequired: true })
})

t.test('a browser gets its tokens in cookies, and the recovery codes as an answer', async (t) => {
  const teacher = await newTeacher(testApp)
  const code = codeNow(await setUpRequired(testApp, teacher))
  const answer = await post(
    '/2fa/enrolment/verify',
    { mfaToken: teacher.mfaToken, code },
    { 'x-session-mode': 'cookie' },
  )
  t.match(answer, { status: 200, body: { recoveryCodes: [String], sessionId: String } })
  t.notMatch(JSON.stringify(answer.body), /lk1\.|eyJ/)
  t.match(String(answer.headers['set-cookie']), /lk_at=.*lk_rt=/s)
})

t.test('its token is good for nothing else, and no other token is good for it', async (t) => {
  const teacher = await newTeacher(testApp)
  const { mfaToken } = teacher
  const secret = await setUpRequired(testApp, teacher)
  const code = codeNow(secret)
  t.match(await post('/2fa/challenge', { mfaToken, code }), invalid)
  t.match(await post('/passkeys/login/options', { mfaToken }), invalid)
  for (const path of ['/me', '/2fa', '/sessions'])
    t.match(await api('GET', path, { token: mfaToken }), { status: 401, body: { code: 'token_invalid' } })
  t.match(await post('/refresh', { refreshToken: mfaToken }), { status: 401 })
  t.match(await post('/reset-password', { token: mfaToken, password: anotherPassword }), invalid)

  const person = await enrolledPerson(testApp)
  const challenge = await mfaTokenOf(testApp, person.email)
  for (const other of [challenge, `lkm_${'A'.repeat(43)}`, person.session.refreshToken, 'x']) {
    t.match(await post('/2fa/enrolment/setup', { mfaToken: other }), invalid)
    t.match(await post('/2fa/enrolment/verify', { mfaToken: other, code }), invalid)
    t.match(await post('/passkeys/enrolment/options', { mfaToken: other }), invalid)
  }
  for (const body of [
    {},
    { mfaToken },
    { code },
    { mfaToken, code: '12345' },
    { mfaToken, code, userId: '1' },
  ])
    t.match(await post('/2fa/enrolment/verify', body), { status: 400, body: { code: 'validation_failed' } })

  // A seed is its user's: another's code of their own setup completes nothing.
  const other = await newTeacher(testApp)
  t.match(await post('/2fa/enrolment/verify', { mfaToken: other.mfaToken, code }), invalid)
  await setUpRequired(testApp, other)
  t.match(await post('/2fa/enrolment/verify', { mfaToken: other.mfaToken, code }), {
    status: 401,
    body: { code: 'mfa_code_invalid' },
  })
  t.equal((await post('/2fa/enrolment/verify', { mfaToken, code })).status, 200)
})

t.test('five codes are looked at for one token', async (t) => {
  const teacher = await newTeacher(testApp)
  const secret = await setUpRequired(testApp, teacher)
  const verify = (code: string) => post('/2fa/enrolment/verify', { mfaToken: teacher.mfaToken, code })
  const answers = await Promise.all(Array.from({ length: 8 }, () => verify(wrongCode(secret))))
  t.equal(answers.filter(({ status }) => status === 401).length, 5)
  t.equal((await told(teacher.userId, 'mfa.failed')).length, 5)
  t.match(await verify(codeNow(secret)), { status: 429, body: { code: 'rate_limited' } })
  t.equal(await countSessions(teacher.userId), 0)
})

t.test('of twenty at once, with one token or with many, one gets in', async (t) => {
  const one = await newTeacher(testApp)
  const many = await newTeacher(testApp)
  const others = await Promise.all(Array.from({ length: 5 }, () => enrolmentTokenOf(testApp, many)))
  for (const { userId, tokens, code } of [
    {
      userId: one.userId,
      tokens: Array.from({ length: 5 }, () => one.mfaToken),
      code: codeNow(await setUpRequired(testApp, one)),
    },
    {
      userId: many.userId,
      tokens: others.flatMap((token) => [token, token, token, token]),
      code: codeNow(await setUpRequired(testApp, many)),
    },
  ]) {
    const answers = await Promise.all(
      tokens.map((mfaToken) => post('/2fa/enrolment/verify', { mfaToken, code })),
    )
    t.equal(answers.filter(({ status }) => status === 200).length, 1)
    const refusals = answers.filter(({ status }) => status !== 200)
    t.ok(refusals.every(({ body }) => body['code'] === 'one_time_token_invalid'))
    t.equal(await countSessions(userId), 1)
    t.equal((await told(userId, 'mfa.enabled')).length, 1)
    const [left] = await db<{ codes: number }[]>`
      SELECT count(*)::int AS codes FROM recovery_codes WHERE user_id = ${userId}`
    t.equal(left?.codes, 10)
  }
})

t.test('a setup that is replaced while its code is looked at comes to nothing', async (t) => {
  const teacher = await newTeacher(testApp)
  const code = codeNow(await setUpRequired(testApp, teacher))
  const isWaiting = async (): Promise<boolean> => {
    const waiting = await db`
      SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    return waiting.length > 0
  }
  let verifying: Promise<unknown> = Promise.resolve()
  await db.begin(async (sql) => {
    await sql`SELECT FROM users WHERE id = ${teacher.userId} FOR UPDATE`
    verifying = post('/2fa/enrolment/verify', { mfaToken: teacher.mfaToken, code })
    await waitFor(isWaiting, { what: 'the code to be right', deadlineMs: 5000 })
    await sql`UPDATE totp_factors SET pending_seed = pending_seed || '\\x00' WHERE user_id = ${teacher.userId}`
  })
  t.match(await verifying, invalid)
  t.equal(await countSessions(teacher.userId), 0)
})

const ends: Record<string, (teacher: Waiting) => Promise<unknown>> = {
  'the password was changed': ({ userId }) =>
    db`UPDATE credentials SET password_changed_at = now() + interval '1 s' WHERE user_id = ${userId}`,
  'the account was disabled': ({ userId }) => db`UPDATE users SET disabled_at = now() WHERE id = ${userId}`,
  'it expired': ({ userId }) =>
    db`UPDATE sign_in_challenges SET expires_at = now() WHERE user_id = ${userId}`,
  'there is a second factor by now': ({ userId }) =>
    db`UPDATE users SET mfa_enabled = true WHERE id = ${userId}`,
  'there is a passkey by now': ({ userId }) => insertPasskey(testApp, userId),
  'the setup expired': ({ userId }) =>
    db`UPDATE totp_factors SET pending_expires_at = now() WHERE user_id = ${userId}`,
}
for (const [name, end] of Object.entries(ends)) {
  t.test(`nothing comes of it when ${name}`, async (t) => {
    const teacher = await newTeacher(testApp)
    const code = codeNow(await setUpRequired(testApp, teacher))
    await end(teacher)
    t.match(await post('/2fa/enrolment/verify', { mfaToken: teacher.mfaToken, code }), invalid)
    t.equal(await countSessions(teacher.userId), 0)
    t.equal((await told(teacher.userId, 'mfa.enabled')).length, 0)
  })
}

t.test('no way in opens a session of one factor for who must have two', async (t) => {
  const teacher = await newTeacher(testApp)
  const { userId } = teacher
  const passwordHash = await passwordHashOf(testApp, { id: userId })
  for (const hash of [null, passwordHash]) {
    const input = { userId, passwordHash: hash, amr: ['pwd'], deviceName: null, origin }
    t.equal(await openSession(deps.sql, deps, input), null)
    t.match(await finishFirstFactor(deps.sql, deps, { ...first, userId, passwordHash: hash }), {
      kind: 'enrolment',
    })
  }
  await db`UPDATE users SET disabled_at = now() WHERE id = ${userId}`
  t.equal(await finishFirstFactor(deps.sql, deps, { ...first, userId }), null)
})

t.test('sessions from before the rule go on, and an admin’s opens no door of an admin', async (t) => {
  const { email } = newPerson()
  const session = await signUp(testApp, { email })
  await db`UPDATE users SET roles = '{user,admin}' WHERE id = ${session.user.id}`
  const { body: refreshed } = await post('/refresh', { refreshToken: session.refreshToken })
  const { accessToken: token } = refreshed as unknown as Session
  const users = () => api('GET', '/api/v1/admin/users', { token })
  t.match(await users(), { status: 403, body: { code: 'mfa_required' } })
  await insertPasskey(testApp, session.user.id)
  t.match(await users(), { status: 403, body: { code: 'step_up_required' } }, 'a passkey would do')
  await db`DELETE FROM passkeys WHERE user_id = ${session.user.id}`
  const { session: raised } = await enrol(testApp, session)
  t.equal((await api('GET', '/api/v1/admin/users', { token: raised.accessToken })).status, 200)
  t.ok(await mfaTokenOf(testApp, email))
})

t.test('the last one stays, and asking costs neither a code nor a guess', async (t) => {
  const teacher = await newTeacher(testApp)
  const secret = await setUpRequired(testApp, teacher)
  const { body } = await post('/2fa/enrolment/verify', { mfaToken: teacher.mfaToken, code: codeNow(secret) })
  const session = body as unknown as Session & { recoveryCodes: string[] }
  const token = session.accessToken
  const removal = { password, recoveryCode: session.recoveryCodes[0] }
  const refused = await api('POST', '/2fa/disable', { token, body: removal })
  t.match(refused, { status: 403, body: { code: 'mfa_required' } })
  t.match((await api('GET', '/2fa', { token })).body, { totp: {}, recoveryCodesLeft: 10 })

  await insertPasskey(testApp, teacher.userId)
  t.equal((await api('POST', '/2fa/disable', { token, body: removal })).status, 204, 'a passkey is another')
})

t.test('a passkey is a second factor of who must have one, and asked of nobody else', async (t) => {
  const teacher = await newTeacher(testApp)
  await insertPasskey(testApp, teacher.userId)
  const { body } = await post('/login', { email: teacher.email, password })
  t.match(body, { mfaRequired: true, methods: ['passkey'] })

  const { email } = newPerson()
  const { user } = await signUp(testApp, { email })
  await insertPasskey(testApp, user.id)
  t.match((await post('/login', { email, password })).body, { accessToken: String })
})
