// Attacks: a stolen session that takes the factor away, gets recovery codes, or steps up by the password alone; a factor of a stranger on an
// account that they do not own.
import type { Session } from '@latchkey/contracts/http/answers'
import { disableSecondFactor } from '@latchkey/auth-api/features/mfa/disable-second-factor'
import {
  discardSecondFactors,
  resetSecondFactors,
} from '@latchkey/auth-api/features/mfa/reset-second-factors'
import { newId } from '@latchkey/platform/crypto/identifiers'
import t from 'tap'
import { anotherPassword, isAlive, newPerson, signIn, signUp } from './support/accounts.js'
import {
  agedSession,
  claimsOf,
  type EnrolledPerson,
  enrolledPerson,
  eventsFor,
  freshCode,
  mfaTokenOf,
  wrongCode,
} from './support/authenticator.js'
import { password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const testApp = await createTestApp(t, { hashConcurrency: 4 })
const { api, db, deps } = testApp
const origin = { ip: '192.0.2.1', userAgent: null, requestId: 'r', traceId: null }

const post = (path: string, session: Pick<Session, 'accessToken'>, body?: object) =>
  api('POST', path, { token: session.accessToken, ...(body && { body }) })

async function newUser(): Promise<Session & { email: string }> {
  const { email } = newPerson()
  return { ...(await signUp(testApp, { email })), email }
}

const told = (userId: string, type: string) => eventsFor(testApp, userId, type)

async function signInWithCode(person: EnrolledPerson): Promise<Session> {
  const mfaToken = await mfaTokenOf(testApp, person.email)
  const code = await freshCode(testApp, person)
  return (await api('POST', '/2fa/challenge', { body: { mfaToken, code } })).body as unknown as Session
}

t.test('step-up takes the code, and the password no more', async (t) => {
  const person = await enrolledPerson(testApp)
  const session = await agedSession(testApp, person.session)
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
    const person = await enrolledPerson(testApp)
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
  const person = await enrolledPerson(testApp)
  const stale = await agedSession(testApp, person.session)
  t.match(await post('/change-password', stale, change), { status: 403, body: { code: 'step_up_required' } })
  const raised = await post('/step-up', stale, { code: await freshCode(testApp, person) })
  t.equal((await post('/change-password', raised.body as unknown as Session, change)).status, 204)
  t.equal((await post('/change-password', await agedSession(testApp, await newUser()), change)).status, 204)
})

t.test('it is removed with both factors, and with neither alone', async (t) => {
  const person = await enrolledPerson(testApp)
  const other = await signInWithCode(person)
  const session = await agedSession(testApp, person.session)
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
    passkeys: 0,
    rememberedDevices: 0,
    isRequired: false,
  })
  t.equal((await post('/2fa/disable', session, { password, code })).body['code'], 'mfa_code_invalid')
  await db`DELETE FROM credentials WHERE user_id = ${userId}`
  t.equal((await post('/2fa/disable', session, { password, code })).body['code'], 'invalid_credentials')
})

t.test('who has lost the phone removes it with a recovery code, once of ten at once', async (t) => {
  const { session, recoveryCodes } = await enrolledPerson(testApp)
  const body = { password, recoveryCode: recoveryCodes[0] }
  const answers = await Promise.all(Array.from({ length: 10 }, () => post('/2fa/disable', session, body)))
  t.equal(answers.filter(({ status }) => status === 204).length, 1)
  t.equal((await told(session.user.id, 'recovery_code.used')).length, 1)
  t.equal((await told(session.user.id, 'mfa.disabled')).length, 1)
})

t.test('new recovery codes void the old ones', async (t) => {
  const person = await enrolledPerson(testApp)
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
  const person = await enrolledPerson(testApp)
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
  const person = await enrolledPerson(testApp)
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
  const person = await enrolledPerson(testApp)
  const userId = person.session.user.id
  await deps.sql.begin((sql) => discardSecondFactors(sql, { userId, origin }))
  t.match(await signIn(testApp, { email: person.email }), { user: { mfaEnabled: false } })
  t.match(await told(userId, 'mfa.disabled'), [{ data: { reason: 'address_proven' } }])
})
