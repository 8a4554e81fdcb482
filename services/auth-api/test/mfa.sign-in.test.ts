// Attacks: a stolen password; going on with a sign-in whose password, factor or account is not what it was.
import type { Session } from '@latchkey/contracts/http/answers'
import { finishFirstFactor } from '@latchkey/auth-api/features/mfa/finish-first-factor'
import { openSession } from '@latchkey/auth-api/features/sessions/open-session'
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
  type EnrolledPerson,
  enrolledPerson,
  eventsFor,
  freshCode,
  mfaTokenOf,
} from './support/authenticator.js'
import { password } from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const testApp = await createTestApp(t, {
  hashConcurrency: 4,
  useCookieSessions: true,
})
const { api, db, deps, app } = testApp

const answer = (body: object, headers: Record<string, string> = {}): Promise<ApiAnswer> =>
  api('POST', '/2fa/challenge', { body, headers })

async function sessionsOf(
  userId: string,
): Promise<{ amr: string[]; aal: number; deviceName: string | null }[]> {
  return Array.from(
    await db<{ amr: string[]; aal: number; deviceName: string | null }[]>`
      SELECT amr, aal, device_name FROM sessions WHERE user_id = ${userId} AND revoked_at IS NULL ORDER BY created_at, id`,
  )
}

const told = (userId: string, type: string) => eventsFor(testApp, userId, type)

t.test('password and code open one session, and the password alone opens none', async (t) => {
  const person = await enrolledPerson(testApp)
  const before = await attemptsOf(testApp, '2fa')
  const first = await api('POST', '/login', { body: { email: person.email, password, deviceName: 'Laptop' } })
  t.match(first, {
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
  })
  t.same(Object.keys(first.body).toSorted(), ['expiresIn', 'methods', 'mfaRequired', 'mfaToken'])
  t.match(first.body, {
    mfaRequired: true,
    mfaToken: /^lkm_/,
    methods: ['totp', 'recovery_code'],
    expiresIn: 300,
  })
  t.equal((await sessionsOf(person.userId)).length, 1, 'only the one that enrolled')
  t.match(await told(person.userId, 'mfa.challenged'), [{ severity: 'info', data: { amr: ['pwd'] } }])

  const second = await answer({ mfaToken: first.body['mfaToken'], code: await freshCode(testApp, person) })
  t.equal(second.status, 200)
  const session = second.body as unknown as Session
  t.match(claimsOf(session), { sub: person.userId, amr: ['pwd', 'otp', 'mfa'], aal: 2 })
  t.equal(session.user.mfaEnabled, true)
  t.same(await isAlive(testApp, session), { access: true, refresh: true })
  t.same((await sessionsOf(person.userId)).at(-1), {
    amr: ['pwd', 'otp', 'mfa'],
    aal: 2,
    deviceName: 'Laptop',
  })
  t.match((await told(person.userId, 'login.succeeded')).at(-1), {
    data: { amr: ['pwd', 'otp', 'mfa'], deviceName: 'Laptop' },
  })
  t.same(await attemptsOf(testApp, '2fa', before), { success: 1, failure: 0 })
})

t.test('who has no second factor is asked for none', async (t) => {
  const { email } = newPerson()
  await signUp(testApp, { email })
  const { body } = await api('POST', '/login', { body: { email, password } })
  t.match(claimsOf(body as unknown as Session), { amr: ['pwd'], aal: 1 })
})

t.test('a browser gets the session in its cookies, and the challenge as an answer', async (t) => {
  const person = await enrolledPerson(testApp)
  const headers = { 'x-session-mode': 'cookie' }
  const first = await api('POST', '/login', { body: { email: person.email, password }, headers })
  t.match(first.body, { mfaRequired: true })
  t.equal(first.headers['set-cookie'], undefined)
  const code = await freshCode(testApp, person)
  const second = await answer({ mfaToken: first.body['mfaToken'], code }, headers)
  t.equal(second.status, 200)
  t.notMatch(JSON.stringify(second.body), /lk1\.|eyJ/)
  const jar = [second.headers['set-cookie']].flat().map(String)
  for (const name of ['lk_at', 'lk_rt', 'lk_csrf'])
    t.ok(
      jar.some((line) => line.startsWith(`${name}=`)),
      name,
    )
})

t.test('a recovery code signs in once, is told of, and counts down', async (t) => {
  const person = await enrolledPerson(testApp)
  const [code, ...others] = person.recoveryCodes
  const mfaToken = await mfaTokenOf(testApp, person.email)
  const { status, body } = await answer({ mfaToken, recoveryCode: code?.toUpperCase() })
  t.equal(status, 200)
  t.match(claimsOf(body as unknown as Session), { amr: ['pwd', 'mfa'], aal: 2 })
  t.match(await told(person.userId, 'recovery_code.used'), [
    { severity: 'warning', data: { during: 'sign_in', remaining: 9, few: false } },
  ])
  const again = await answer({ mfaToken: await mfaTokenOf(testApp, person.email), recoveryCode: code })
  t.match(again, { status: 401, body: { code: 'mfa_code_invalid' } })

  for (const recoveryCode of others)
    t.equal((await answer({ mfaToken: await mfaTokenOf(testApp, person.email), recoveryCode })).status, 200)
  t.same(
    (await told(person.userId, 'recovery_code.used')).map(({ data }) => [data['remaining'], data['few']]),
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((left) => [left, left <= 3]),
  )
  const { body: bare } = await api('POST', '/login', { body: { email: person.email, password } })
  t.same(bare['methods'], ['totp'], 'none is left')
})

t.test('what is no answer is refused before it is counted', async (t) => {
  const person = await enrolledPerson(testApp)
  const mfaToken = await mfaTokenOf(testApp, person.email)
  const code = codeNow(person.secret)
  for (const body of [
    {},
    { mfaToken },
    { code },
    { mfaToken, code: '12345' },
    { mfaToken, code: 123456 },
    { mfaToken, code: '１２３４５６' },
    { mfaToken, code, recoveryCode: person.recoveryCodes[0] },
    { mfaToken, code, userId: person.userId },
    { mfaToken: [mfaToken], code },
  ])
    t.match(await answer(body), { status: 400, body: { code: 'validation_failed' } })
  for (const other of ['x', mfaToken.slice(0, -1), `lkm_${'A'.repeat(43)}`, person.session.refreshToken])
    t.match(await answer({ mfaToken: other, code }), {
      status: 400,
      body: { code: 'one_time_token_invalid' },
    })
  t.equal((await answer({ mfaToken, code: await freshCode(testApp, person) })).status, 200)
})

t.test('a sign-in is over when what it began with is', async (t) => {
  const ends: Record<string, (person: EnrolledPerson) => Promise<unknown>> = {
    'the password was changed': ({ session }) =>
      api('POST', '/change-password', {
        token: session.accessToken,
        body: { currentPassword: password, newPassword: anotherPassword },
      }),
    'the password was replaced by somebody who ends no session': ({ userId }) =>
      db`UPDATE credentials SET password_hash = 'x', password_changed_at = now() WHERE user_id = ${userId}`,
    'the user signed out everywhere': ({ session }) =>
      api('POST', '/logout-all', { token: session.accessToken }),
    'the user was disabled': ({ userId }) => db`UPDATE users SET disabled_at = now() WHERE id = ${userId}`,
    'it expired': ({ userId }) =>
      db`UPDATE sign_in_challenges SET expires_at = now() WHERE user_id = ${userId}`,
    'the user is gone': ({ userId }) => db`DELETE FROM users WHERE id = ${userId}`,
    'the second factor was removed': ({ session, recoveryCodes: [recoveryCode] }) =>
      api('POST', '/2fa/disable', { token: session.accessToken, body: { password, recoveryCode } }),
  }
  for (const [name, end] of Object.entries(ends)) {
    const person = await enrolledPerson(testApp)
    const mfaToken = await mfaTokenOf(testApp, person.email)
    const code = await freshCode(testApp, person)
    await end(person)
    t.match(await answer({ mfaToken, code }), { status: 400, body: { code: 'one_time_token_invalid' } }, name)
    const { body } = await answer({ mfaToken, recoveryCode: person.recoveryCodes[1] })
    t.equal(body['code'], 'one_time_token_invalid', name)
  }
})

t.test('a hash that another sign-in renews is still the same password', async (t) => {
  const person = await enrolledPerson(testApp)
  const mfaToken = await mfaTokenOf(testApp, person.email)
  await db`UPDATE credentials SET password_hash = 'renewed' WHERE user_id = ${person.userId}`
  t.equal((await answer({ mfaToken, code: await freshCode(testApp, person) })).status, 200)
})

t.test('a factor that comes or goes while the first is looked at: what there is now decides', async (t) => {
  const origin = { ip: '192.0.2.1', userAgent: null, requestId: 'r', traceId: null }
  const first = { passwordHash: null, amr: ['pwd'], deviceName: null, origin }
  const { userId } = await enrolledPerson(testApp)
  t.match(await finishFirstFactor(deps.sql, deps, { ...first, userId, mfaEnabled: false }), {
    kind: 'challenge',
  })
  const { user } = await signUp(testApp, { email: newPerson().email })
  t.equal(await finishFirstFactor(deps.sql, deps, { ...first, userId: user.id, mfaEnabled: true }), null)
})

t.test('no way in opens a session of one factor for who has two', async (t) => {
  const { userId, session } = await enrolledPerson(testApp)
  const origin = { ip: '192.0.2.1', userAgent: null, requestId: 'r', traceId: null }
  for (const passwordHash of [null, await passwordHashOf(testApp, session.user)]) {
    const input = { userId, passwordHash, amr: ['pwd'], deviceName: null, origin }
    t.equal(await openSession(deps.sql, deps, input), null)
  }
  t.equal((await sessionsOf(userId)).length, 1)
})

t.test('who must have a second factor: admins, auditors, a type of users, everyone or nobody', async (t) => {
  type Rule = typeof deps.config.requireMfa
  const origin = { ip: '192.0.2.1', userAgent: null, requestId: 'r', traceId: null }
  const first = { passwordHash: null, mfaEnabled: false, amr: ['pwd'], deviceName: null, origin }
  const kindOf = async (rule: Rule, userId: string): Promise<string | undefined> => {
    const config = { ...deps.config, requireMfa: rule }
    return (await finishFirstFactor(deps.sql, { config }, { ...first, userId }))?.kind
  }
  const people: { roles: string[]; userType: string | null }[] = [
    { roles: ['user'], userType: null },
    { roles: ['user'], userType: 'pupil' },
    { roles: ['user'], userType: 'teacher' },
    { roles: ['user', 'admin'], userType: null },
    { roles: ['user', 'auditor'], userType: 'pupil' },
    { roles: ['user', 'editor'], userType: null },
  ]
  const rules: [rule: Rule, stopped: boolean[]][] = [
    [{ admins: true, everyone: false, userTypes: [] }, [false, false, false, true, true, false]],
    [{ admins: true, everyone: false, userTypes: ['teacher'] }, [false, false, true, true, true, false]],
    [{ admins: true, everyone: true, userTypes: [] }, [true, true, true, true, true, true]],
    [{ admins: false, everyone: false, userTypes: [] }, [false, false, false, false, false, false]],
  ]
  for (const [index, { roles, userType }] of people.entries()) {
    const { user } = await signUp(testApp, { email: newPerson().email })
    await db`UPDATE users SET roles = ${roles}::text[], user_type = ${userType} WHERE id = ${user.id}`
    for (const [rule, stopped] of rules)
      t.equal(await kindOf(rule, user.id), stopped[index] === true ? 'enrolment' : 'session')
  }
})

t.test('the answer is the same for an enrolled user with a wrong password as for anybody', async (t) => {
  const person = await enrolledPerson(testApp)
  const [enrolled, unknown] = await Promise.all(
    [person.email, newPerson().email].map((email) =>
      api('POST', '/login', { body: { email, password: 'not the phrase of anyone' } }),
    ),
  )
  t.equal(enrolled?.status, 401)
  t.same(enrolled?.body['code'], unknown?.body['code'])
})

t.test('the older prefix is the same route', async (t) => {
  const person = await enrolledPerson(testApp)
  const mfaToken = await mfaTokenOf(testApp, person.email)
  const payload = { mfaToken, code: await freshCode(testApp, person) }
  t.equal((await app.inject({ method: 'POST', url: '/api/auth/2fa/challenge', payload })).statusCode, 200)
})
