// Attacks: somebody at an open laptop who sets up an app of their own, takes the factor away or gets recovery codes; a factor of a stranger on
// an account that they do not own; a password that stands in for the factor.
import type { Session, TotpSetup } from '@latchkey/contracts/http/answers'
import { disableSecondFactor } from '@latchkey/auth-api/features/mfa/disable-second-factor'
import { enableTotp } from '@latchkey/auth-api/features/mfa/enable-totp'
import { presentCode } from '@latchkey/auth-api/features/mfa/present-code'
import {
  discardSecondFactors,
  resetSecondFactors,
} from '@latchkey/auth-api/features/mfa/reset-second-factors'
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import { newId } from '@latchkey/platform/crypto/identifiers'
import t from 'tap'
import { anotherPassword, eventsOf, isAlive, newPerson, signIn, signUp } from './support/accounts.js'
import {
  type Authenticator,
  claimsOf,
  codeNow,
  enrol,
  freshCode,
  mfaTokenOf,
  wrongCode,
} from './support/authenticator.js'
import { letTimePass, password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const testApp = await createTestApp(t, {
  limitMfaChallenge: { max: 5, windowSeconds: 900 },
  hashConcurrency: 4,
  publicUrl: 'https://auth.example.com',
})
const { api, db, deps } = testApp
const origin = { ip: '192.0.2.1', userAgent: null, requestId: 'r', traceId: null }

const post = (path: string, session: Pick<Session, 'accessToken'>, body?: object) =>
  api('POST', path, { token: session.accessToken, ...(body && { body }) })

async function newUser(): Promise<Session & { email: string }> {
  const { email } = newPerson()
  return { ...(await signUp(testApp, { email })), email }
}

async function enrolledUser(): Promise<Authenticator & { email: string }> {
  const user = await newUser()
  return { ...(await enrol(testApp, user)), email: user.email }
}

async function setUp(session: Pick<Session, 'accessToken'>): Promise<TotpSetup> {
  const { status, body } = await post('/2fa/setup', session)
  if (status !== 200) throw new Error(`answered ${status}`)
  return body as unknown as TotpSetup
}

/** The same session, whose user gave a credential a while ago. */
async function aged({ sessionId, refreshToken }: Session): Promise<Session> {
  await letTimePass(db, sessionId, 301)
  return (await api('POST', '/refresh', { body: { refreshToken } })).body as unknown as Session
}

const told = async (userId: string, type: string) =>
  (await eventsOf(testApp)).filter((event) => event.userId === userId && event.type === type)

t.test('an app is set up: nothing before its first code, everything after', async (t) => {
  const user = await newUser()
  const other = await signIn(testApp, { email: user.email })
  const answer = await post('/2fa/setup', user)
  t.match(answer, {
    status: 200,
    headers: { 'cache-control': 'no-store' },
    body: { secret: /^[A-Z2-7]{32}$/, qrCode: /^data:image\/png;base64,/ },
  })
  const { secret, otpauthUrl } = answer.body as unknown as TotpSetup
  t.match(decodeURIComponent(otpauthUrl), `otpauth://totp/auth.example.com:${user.email}?`)
  t.match(otpauthUrl, secret)
  t.match(await signIn(testApp, { email: user.email }), { user: { mfaEnabled: false } })
  t.same((await api('GET', '/2fa', { token: user.accessToken })).body, { totp: null, recoveryCodesLeft: 0 })

  const { status, body } = await post('/2fa/verify', user, { code: codeNow(secret) })
  t.equal(status, 200)
  const { recoveryCodes } = body as { recoveryCodes: string[] }
  t.equal(recoveryCodes.length, 10)
  t.same(await isAlive(testApp, other), { access: false, refresh: false }, 'other sessions have ended')
  const raised = (await api('POST', '/refresh', { body: { refreshToken: user.refreshToken } }))
    .body as unknown as Session
  t.match(claimsOf(raised), { sid: user.sessionId, amr: ['pwd', 'otp', 'mfa'], aal: 2 })
  t.equal(raised.user.mfaEnabled, true)
  t.match((await api('GET', '/2fa', { token: raised.accessToken })).body, {
    totp: { enabledAt: /^20/ },
    recoveryCodesLeft: 10,
  })
  t.match(await told(user.user.id, 'mfa.enabled'), [{ severity: 'notice', data: { method: 'totp' } }])
  t.ok(await mfaTokenOf(testApp, user.email))
})

t.test('neither the seed nor a recovery code stands in the database, the log or an event', async (t) => {
  const { secret, recoveryCodes, session } = await enrolledUser()
  const seed = Buffer.from(base32Bytes(secret))
  const [stored] = await db<{ everything: string }[]>`
    SELECT concat((SELECT json_agg(f) FROM totp_factors f WHERE user_id = ${session.user.id}),
      (SELECT json_agg(r) FROM recovery_codes r), (SELECT json_agg(o) FROM outbox o)) AS everything`
  for (const text of [secret, seed.toString('hex'), ...recoveryCodes, ...recoveryCodes.map(unspaced)])
    t.notOk(stored?.everything.includes(text))
})

t.test('a wrong code puts nothing in force, and after five of them no other is looked at', async (t) => {
  const user = await newUser()
  const { secret } = await setUp(user)
  const code = wrongCode(secret)
  t.match(await post('/2fa/verify', user, { code }), { status: 401, body: { code: 'mfa_code_invalid' } })
  t.match(await told(user.user.id, 'mfa.failed'), [
    { sessionId: user.sessionId, data: { reason: 'wrong_code', method: 'totp', during: 'mfa_setup' } },
  ])
  for (let n = 0; n < 4; n += 1) t.equal((await post('/2fa/verify', user, { code })).status, 401)
  t.match(await post('/2fa/verify', user, { code: codeNow(secret) }), { status: 429 })
  t.match(await post('/2fa/verify', user, { code: 'abcdef' }), { status: 400 })
  t.match(await signIn(testApp, { email: user.email }), { user: { mfaEnabled: false } })
})

t.test('what was set up is over after a while, and when something else is set up', async (t) => {
  const user = await newUser()
  const nothing = await post('/2fa/verify', user, { code: '123456' })
  t.match(nothing, { status: 400, body: { code: 'one_time_token_invalid' } })
  const older = await setUp(user)
  const newer = await setUp(user)
  t.equal((await post('/2fa/verify', user, { code: codeNow(older.secret) })).body['code'], 'mfa_code_invalid')
  await db`UPDATE totp_factors SET pending_expires_at = now() WHERE user_id = ${user.user.id}`
  t.equal(
    (await post('/2fa/verify', user, { code: codeNow(newer.secret) })).body['code'],
    'one_time_token_invalid',
  )
})

t.test('twenty codes at once put it in force once', async (t) => {
  const user = await newUser()
  const { secret } = await setUp(user)
  const enrolment = { userId: user.user.id, sessionId: user.sessionId, code: codeNow(secret), origin }
  const unlimited = { ...deps, limits: { ...deps.limits, consume: () => Promise.resolve() } }
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => enableTotp(unlimited, enrolment)),
  )
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  t.same(
    new Set(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [codeOf(outcome.reason)] : []))),
    new Set(['one_time_token_invalid']),
  )
  const { body } = await api('GET', '/2fa', { token: user.accessToken })
  t.equal(body['recoveryCodesLeft'], 10)
  t.equal((await told(user.user.id, 'mfa.enabled')).length, 1)
})

t.test('a session that has ended meanwhile puts nothing in force', async (t) => {
  const user = await newUser()
  const { secret } = await setUp(user)
  await db`UPDATE sessions SET revoked_at = now(), revoke_reason = 'logout' WHERE id = ${user.sessionId}`
  const enrolment = { userId: user.user.id, sessionId: user.sessionId, code: codeNow(secret), origin }
  await t.rejects(enableTotp(deps, enrolment), { code: 'session_revoked' })
  t.match(await signIn(testApp, { email: user.email }), { user: { mfaEnabled: false } })
  await db`UPDATE users SET disabled_at = now() WHERE id = ${user.user.id}`
  const { sessionId, accessToken } = await newUser()
  await db`UPDATE users SET disabled_at = now() WHERE id = (SELECT user_id FROM sessions WHERE id = ${sessionId})`
  t.equal((await post('/2fa/setup', { accessToken })).body['code'], 'session_revoked')
})

t.test('a new phone is set up while the old one is in force', async (t) => {
  const old = await enrolledUser()
  const { secret } = await setUp(old.session)
  const mfaToken = await mfaTokenOf(testApp, old.email)
  const early = await api('POST', '/2fa/challenge', { body: { mfaToken, code: codeNow(secret) } })
  t.equal(early.status, 401, 'the new one is not yet')
  const answer = await api('POST', '/2fa/challenge', {
    body: { mfaToken, code: await freshCode(testApp, old) },
  })
  t.equal(answer.status, 200, 'the old one is')

  const { body } = await post('/2fa/verify', old.session, { code: codeNow(secret) })
  const next = await mfaTokenOf(testApp, old.email)
  const [before] = old.recoveryCodes
  for (const presented of [{ code: await freshCode(testApp, old) }, { recoveryCode: before }])
    t.equal((await api('POST', '/2fa/challenge', { body: { mfaToken: next, ...presented } })).status, 401)
  const code = await freshCode(testApp, { ...old, secret })
  t.equal((await api('POST', '/2fa/challenge', { body: { mfaToken: next, code } })).status, 200)
  t.equal((body['recoveryCodes'] as string[]).length, 10)
})

t.test('setting up needs the strongest factor, fresh', async (t) => {
  const user = await aged(await newUser())
  for (const path of ['/2fa/setup', '/2fa/verify'])
    t.match(await post(path, user, path.endsWith('verify') ? { code: '123456' } : undefined), {
      status: 403,
      body: { code: 'step_up_required', methods: ['password'] },
    })
  const enrolled = await enrolledUser()
  const stale = await aged(enrolled.session)
  t.match(await post('/2fa/setup', stale), {
    status: 403,
    body: { code: 'step_up_required', methods: ['totp', 'recovery_code'] },
  })
})

t.test('a token from before the factor is not enough where fresh authentication is', async (t) => {
  const user = await newUser()
  const { session, recoveryCodes } = await enrol(testApp, user)
  t.match(await post('/2fa/setup', user), { status: 403, body: { methods: ['totp', 'recovery_code'] } })
  t.equal((await post('/2fa/setup', session)).status, 200)
  t.equal(recoveryCodes.length, 10)
})

t.test('step-up takes the code, and the password no more', async (t) => {
  const person = await enrolledUser()
  const session = await aged(person.session)
  const byPassword = await post('/step-up', session, { password })
  t.match(byPassword, {
    status: 403,
    body: { code: 'step_up_required', methods: ['totp', 'recovery_code'], maxAgeSeconds: 300 },
  })
  t.match(await post('/step-up', session, { code: wrongCode(person.secret) }), {
    status: 401,
    body: { code: 'mfa_code_invalid' },
  })
  t.match((await told(person.session.user.id, 'mfa.failed')).at(-1), {
    sessionId: session.sessionId,
    data: { during: 'step_up' },
  })
  const code = await freshCode(testApp, person)
  const raised = await post('/step-up', session, { code })
  t.equal(raised.status, 200)
  t.match(claimsOf(raised.body as unknown as Session), { sid: session.sessionId, aal: 2 })
  t.equal((await post('/2fa/setup', raised.body as unknown as Session)).status, 200)
  t.match((await told(person.session.user.id, 'session.stepped_up')).at(-1), { data: { method: 'totp' } })
  t.equal((await post('/step-up', session, { code })).status, 401, 'a code is good once')

  const byRecoveryCode = await post('/step-up', session, { recoveryCode: person.recoveryCodes[0] })
  t.equal(byRecoveryCode.status, 200)
  for (const body of [{}, { password, code }, { password, recoveryCode: 'x' }, { code, recoveryCode: 'x' }])
    t.equal((await post('/step-up', session, body)).body['code'], 'validation_failed')
})

t.test('who has no factor steps up with no code', async (t) => {
  const user = await newUser()
  t.match(await post('/step-up', user, { code: '123456' }), {
    status: 401,
    body: { code: 'mfa_code_invalid' },
  })
  t.equal((await post('/step-up', user, { recoveryCode: '0000' })).status, 401)
})

t.test(
  'a session that ends while the code is looked at is not raised, and the code is not used up',
  async (t) => {
    const person = await enrolledUser()
    const code = await freshCode(testApp, person)
    await db`UPDATE sessions SET revoked_at = now(), revoke_reason = 'logout' WHERE id = ${person.session.sessionId}`
    // The access token is remembered as good: the list of ended sessions has not heard of it.
    t.equal((await post('/step-up', person.session, { code })).body['code'], 'session_revoked')
    const mfaToken = await mfaTokenOf(testApp, person.email)
    t.equal((await api('POST', '/2fa/challenge', { body: { mfaToken, code } })).status, 200)
  },
)

t.test('a change of the password asks who has a second factor for it, and nobody else', async (t) => {
  const change = { currentPassword: password, newPassword: anotherPassword }
  const person = await enrolledUser()
  const stale = await aged(person.session)
  t.match(await post('/change-password', stale, change), { status: 403, body: { code: 'step_up_required' } })
  const raised = await post('/step-up', stale, { code: await freshCode(testApp, person) })
  t.equal((await post('/change-password', raised.body as unknown as Session, change)).status, 204)
  t.equal((await post('/change-password', await aged(await newUser()), change)).status, 204)
})

t.test('it is removed with both factors, and with neither alone', async (t) => {
  const person = await enrolledUser()
  const other = await signInWithCode(person)
  const session = await aged(person.session)
  const userId = session.user.id
  const code = await freshCode(testApp, person)
  const refusals: [body: object, status: number, problem: string][] = [
    [{ password }, 400, 'validation_failed'],
    [{ code }, 400, 'validation_failed'],
    [{ password: '', code }, 400, 'validation_failed'],
    [{ password: 'not the phrase of anyone', code }, 401, 'invalid_credentials'],
    [{ password, code: wrongCode(person.secret) }, 401, 'mfa_code_invalid'],
  ]
  for (const [body, status, problem] of refusals)
    for (const path of ['/2fa/disable', '/2fa/recovery-codes'])
      t.match(await post(path, session, body), { status, body: { code: problem } }, problem)
  t.match((await told(userId, 'login.failed')).at(-1), {
    data: { reason: 'wrong_password', during: 'recovery_codes_replace' },
  })

  t.equal((await post('/2fa/disable', session, { password, code })).status, 204, 'the code was not used up')
  t.match(await told(userId, 'mfa.disabled'), [{ severity: 'warning', data: { reason: 'user_disabled' } }])
  t.equal((await isAlive(testApp, other)).access, false)
  t.match(await signIn(testApp, { email: person.email }), { user: { mfaEnabled: false } })
  t.same((await api('GET', '/2fa', { token: session.accessToken })).body, {
    totp: null,
    recoveryCodesLeft: 0,
  })
  t.equal((await post('/2fa/disable', session, { password, code })).body['code'], 'mfa_code_invalid')
  await db`DELETE FROM credentials WHERE user_id = ${userId}`
  t.equal((await post('/2fa/disable', session, { password, code })).body['code'], 'invalid_credentials')
})

t.test('who has lost the phone removes it with a recovery code, once of ten at once', async (t) => {
  const { session, recoveryCodes } = await enrolledUser()
  const body = { password, recoveryCode: recoveryCodes[0] }
  const answers = await Promise.all(Array.from({ length: 10 }, () => post('/2fa/disable', session, body)))
  t.equal(answers.filter(({ status }) => status === 204).length, 1)
  t.equal((await told(session.user.id, 'recovery_code.used')).length, 1)
  t.equal((await told(session.user.id, 'mfa.disabled')).length, 1)
})

t.test('new recovery codes void the old ones', async (t) => {
  const person = await enrolledUser()
  const { session, recoveryCodes } = person
  const answer = await post('/2fa/recovery-codes', session, {
    password,
    code: await freshCode(testApp, person),
  })
  t.equal(answer.status, 200)
  const renewed = answer.body['recoveryCodes'] as string[]
  t.equal(new Set([...renewed, ...recoveryCodes]).size, 20)
  t.equal((await told(session.user.id, 'recovery_codes.replaced')).length, 1)
  t.equal((await post('/step-up', session, { recoveryCode: recoveryCodes[1] })).status, 401)
  t.equal((await post('/step-up', session, { recoveryCode: renewed[1] })).status, 200)
})

t.test('a password that is changed while it is looked at removes nothing', async (t) => {
  const person = await enrolledUser()
  const code = await freshCode(testApp, person)
  const passwords: typeof deps.passwords = {
    ...deps.passwords,
    admit: (work) =>
      deps.passwords.admit((admitted) =>
        work({
          ...admitted,
          verify: async (hash, given) => {
            const isRight = await admitted.verify(hash, given)
            await db`UPDATE credentials SET password_hash = 'another' WHERE user_id = ${person.session.user.id}`
            return isRight
          },
        }),
      ),
  }
  const { id: userId } = person.session.user
  const request = { userId, sessionId: person.session.sessionId, password, code, pass: null, origin }
  await t.rejects(disableSecondFactor({ ...deps, passwords }, request), { code: 'invalid_credentials' })
  t.match((await api('GET', '/2fa', { token: person.session.accessToken })).body, { recoveryCodesLeft: 10 })
})

t.test('an admin takes the factors of a user away, with all sessions', async (t) => {
  const person = await enrolledUser()
  const userId = person.session.user.id
  const reset = { userId, actorId: newId(), sessionId: newId(), origin }
  const ended = await deps.sql.begin((sql) => resetSecondFactors(sql, reset))
  t.same(ended, [person.session.sessionId])
  await deps.revocations.revoke(ended ?? [])
  t.same(await isAlive(testApp, person.session), { access: false, refresh: false })
  t.match(await signIn(testApp, { email: person.email }), { user: { mfaEnabled: false } })
  t.match(await told(userId, 'mfa.disabled'), [{ data: { reason: 'admin_reset' } }])
  t.equal(await deps.sql.begin((sql) => resetSecondFactors(sql, reset)), null, 'there is none any more')
})

t.test('an account that is claimed keeps nothing of what a stranger has set up', async (t) => {
  const person = await enrolledUser()
  const userId = person.session.user.id
  await deps.sql.begin((sql) => discardSecondFactors(sql, { userId, origin }))
  t.match(await signIn(testApp, { email: person.email }), { user: { mfaEnabled: false } })
  t.match(await told(userId, 'mfa.disabled'), [{ data: { reason: 'address_proven' } }])
})

t.test('a change of AUTH_SECRET: seeds move to the new one as they are used', async (t) => {
  const person = await enrolledUser()
  const userId = person.session.user.id
  const next = 'b'.repeat(40)
  const during = createKeyring(next, deps.config.authSecret)
  const after = createKeyring(next, null)
  const present = async (keyring: typeof during, code: string) =>
    presentCode(
      { ...deps, keyring },
      { userId, sessionId: null, presented: { method: 'totp', code }, during: 'sign_in', pass: null, origin },
      (_, use) => use(),
    )
  await t.rejects(present(after, await freshCode(testApp, person)), { name: 'UnsealError' })
  await present(during, await freshCode(testApp, person))
  await present(after, await freshCode(testApp, person))
})

async function signInWithCode(person: Authenticator & { email: string }): Promise<Session> {
  const mfaToken = await mfaTokenOf(testApp, person.email)
  const code = await freshCode(testApp, person)
  return (await api('POST', '/2fa/challenge', { body: { mfaToken, code } })).body as unknown as Session
}

const unspaced = (code: string) => code.replaceAll('-', '')

const codeOf = (reason: unknown): unknown =>
  typeof reason === 'object' && reason !== null && 'code' in reason ? reason.code : reason

/** RFC 4648, 6, without padding. */
function base32Bytes(text: string): number[] {
  const bits = Array.from(text, (character) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(character).toString(2).padStart(5, '0'),
  ).join('')
  return (bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2))
}
