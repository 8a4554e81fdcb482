// Attacks: a stolen password; guessing six digits, from many sign-ins and in parallel; using a code, a recovery code or a sign-in twice;
// going on with a sign-in whose password, factor or account is not what it was.
import type { Session } from '@latchkey/contracts/http/answers'
import { openSession } from '@latchkey/auth-api/features/sessions/open-session'
import t from 'tap'
import {
  anotherPassword,
  attemptsOf,
  eventsOf,
  isAlive,
  newPerson,
  passwordHashOf,
  signUp,
} from './support/accounts.js'
import {
  type Authenticator,
  claimsOf,
  codeNow,
  enrol,
  freshCode,
  mfaTokenOf,
  wrongCode,
} from './support/authenticator.js'
import { password } from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const testApp = await createTestApp(t, {
  limitMfaChallenge: { max: 5, windowSeconds: 900 },
  lockoutAfter: 10,
  hashConcurrency: 4,
  useCookieSessions: true,
})
const { api, db, deps, app } = testApp

const answer = (body: object, headers: Record<string, string> = {}): Promise<ApiAnswer> =>
  api('POST', '/2fa/challenge', { body, headers })

async function enrolledPerson(): Promise<Authenticator & { email: string; userId: string }> {
  const { email } = newPerson()
  const session = await signUp(testApp, { email })
  return { ...(await enrol(testApp, session)), email, userId: session.user.id }
}

async function sessionsOf(
  userId: string,
): Promise<{ amr: string[]; aal: number; deviceName: string | null }[]> {
  return Array.from(
    await db<{ amr: string[]; aal: number; deviceName: string | null }[]>`
      SELECT amr, aal, device_name FROM sessions WHERE user_id = ${userId} AND revoked_at IS NULL ORDER BY created_at, id`,
  )
}

const told = async (userId: string, type: string) =>
  (await eventsOf(testApp)).filter((event) => event.userId === userId && event.type === type)

t.test('password and code open one session, and the password alone opens none', async (t) => {
  const person = await enrolledPerson()
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
  const person = await enrolledPerson()
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
  const person = await enrolledPerson()
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

t.test('a wrong code leaves the sign-in to be gone on with, five times', async (t) => {
  const person = await enrolledPerson()
  const before = await attemptsOf(testApp, '2fa')
  const mfaToken = await mfaTokenOf(testApp, person.email)
  const wrong = wrongCode(person.secret)
  t.match(await answer({ mfaToken, code: wrong }), { status: 401, body: { code: 'mfa_code_invalid' } })
  t.match(await answer({ mfaToken, recoveryCode: 'no such code' }), { status: 401 })
  t.match(
    (await told(person.userId, 'mfa.failed')).map(({ data }) => data),
    [
      { reason: 'wrong_code', method: 'totp', during: 'sign_in' },
      { reason: 'wrong_code', method: 'recovery_code', during: 'sign_in' },
    ],
  )
  t.notMatch(JSON.stringify(await told(person.userId, 'mfa.failed')), new RegExp(wrong))
  t.equal((await answer({ mfaToken, code: await freshCode(testApp, person) })).status, 200)
  t.same(await attemptsOf(testApp, '2fa', before), { success: 1, failure: 2 })

  const next = await mfaTokenOf(testApp, person.email)
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => answer({ mfaToken: next, code: wrongCode(person.secret) })),
  )
  t.equal(answers.filter(({ status }) => status === 401).length, 5)
  t.equal(answers.filter(({ body }) => body['code'] === 'rate_limited').length, 7)
  const late = await answer({ mfaToken: next, code: await freshCode(testApp, person) })
  t.match(late, { status: 429, body: { code: 'rate_limited' }, headers: { 'retry-after': /^\d+$/ } })
})

t.test('guesses over many sign-ins lock the account, and a right password does not clear them', async (t) => {
  const person = await enrolledPerson()
  const tokens: string[] = []
  for (let n = 0; n < 5; n += 1) tokens.push(await mfaTokenOf(testApp, person.email))
  const answers = await Promise.all(
    tokens.flatMap((mfaToken) =>
      Array.from({ length: 4 }, () => answer({ mfaToken, code: wrongCode(person.secret) })),
    ),
  )
  const looked = answers.filter(({ body }) => body['code'] === 'mfa_code_invalid').length
  t.ok(looked >= 1 && looked <= 10, `${looked} of 20 were looked at`)
  t.equal((await told(person.userId, 'mfa.failed')).length, looked)
  const spare = tokens[0] ?? ''
  t.match(await answer({ mfaToken: spare, code: await freshCode(testApp, person) }), {
    status: 429,
    body: { code: 'too_many_attempts' },
  })
  t.match(await api('POST', '/login', { body: { email: person.email, password } }), {
    status: 429,
    body: { code: 'too_many_attempts' },
  })
  t.equal((await told(person.userId, 'login.locked')).length, 1)
})

t.test('what is no answer is refused before it is counted', async (t) => {
  const person = await enrolledPerson()
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

t.test('a sign-in is completed once, and a code is good once', async (t) => {
  const person = await enrolledPerson()
  const mfaToken = await mfaTokenOf(testApp, person.email)
  const other = await mfaTokenOf(testApp, person.email)
  const code = await freshCode(testApp, person)
  t.equal((await answer({ mfaToken, code })).status, 200)
  t.equal((await answer({ mfaToken: other, code })).body['code'], 'mfa_code_invalid')
  const fresh = await freshCode(testApp, person)
  t.match(await answer({ mfaToken, code: fresh }), { status: 400, body: { code: 'one_time_token_invalid' } })
  t.equal((await answer({ mfaToken: other, code: fresh })).status, 200, 'and it was not used up by that')
})

t.test('fifty at once: one session', async (t) => {
  const person = await enrolledPerson()
  const one = await mfaTokenOf(testApp, person.email)
  const several = await Promise.all(Array.from({ length: 10 }, () => mfaTokenOf(testApp, person.email)))
  const rounds: { name: string; tokens: string[]; body: () => Promise<object> }[] = [
    {
      name: 'one token, one code',
      tokens: Array.from({ length: 50 }, () => one),
      body: async () => ({ code: await freshCode(testApp, person) }),
    },
    {
      name: 'one code, several tokens',
      tokens: several,
      body: async () => ({ code: await freshCode(testApp, person) }),
    },
    {
      name: 'one recovery code, the tokens that are left',
      tokens: [...several, ...several],
      body: async () => ({ recoveryCode: person.recoveryCodes[0] }),
    },
  ]
  for (const { name, tokens, body } of rounds) {
    await db`DELETE FROM guess_counters`
    const before = (await sessionsOf(person.userId)).length
    const presented = await body()
    const answers = await Promise.all(tokens.map((mfaToken) => answer({ mfaToken, ...presented })))
    t.equal(answers.filter(({ status }) => status === 200).length, 1, name)
    t.notOk(
      answers.find(({ status }) => status >= 500),
      name,
    )
    t.equal((await sessionsOf(person.userId)).length, before + 1, name)
  }
  t.equal((await told(person.userId, 'recovery_code.used')).length, 1)
})

t.test('a sign-in is over when what it began with is', async (t) => {
  const ends: Record<string, (person: Awaited<ReturnType<typeof enrolledPerson>>) => Promise<unknown>> = {
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
    const person = await enrolledPerson()
    const mfaToken = await mfaTokenOf(testApp, person.email)
    const code = await freshCode(testApp, person)
    await end(person)
    t.match(await answer({ mfaToken, code }), { status: 400, body: { code: 'one_time_token_invalid' } }, name)
    const { body } = await answer({ mfaToken, recoveryCode: person.recoveryCodes[1] })
    t.equal(body['code'], 'one_time_token_invalid', name)
  }
})

t.test('a hash that another sign-in renews is still the same password', async (t) => {
  const person = await enrolledPerson()
  const mfaToken = await mfaTokenOf(testApp, person.email)
  await db`UPDATE credentials SET password_hash = 'renewed' WHERE user_id = ${person.userId}`
  t.equal((await answer({ mfaToken, code: await freshCode(testApp, person) })).status, 200)
})

t.test('a removal and a sign-in at once: no session is left that the removal did not see', async (t) => {
  for (let round = 0; round < 6; round += 1) {
    const person = await enrolledPerson()
    const mfaToken = await mfaTokenOf(testApp, person.email)
    const code = await freshCode(testApp, person)
    const [completed, removed] = await Promise.all([
      answer({ mfaToken, code }),
      api('POST', '/2fa/disable', {
        token: person.session.accessToken,
        body: { password, recoveryCode: person.recoveryCodes[0] },
        ip: '192.0.2.251',
      }),
    ])
    t.equal(removed.status, 204)
    t.ok([200, 400, 401].includes(completed.status), `answered ${completed.status}`)
    t.equal((await sessionsOf(person.userId)).length, 1)
    if (completed.status === 200)
      t.equal((await isAlive(testApp, completed.body as unknown as Session)).access, false)
  }
})

t.test('no way in opens a session of one factor for who has two', async (t) => {
  const { userId, session } = await enrolledPerson()
  const origin = { ip: '192.0.2.1', userAgent: null, requestId: 'r', traceId: null }
  for (const passwordHash of [null, await passwordHashOf(testApp, session.user)]) {
    const input = { userId, passwordHash, amr: ['pwd'], deviceName: null, origin }
    t.equal(await openSession(deps.sql, deps, input), null)
  }
  t.equal((await sessionsOf(userId)).length, 1)
})

t.test('the answer is the same for an enrolled user with a wrong password as for anybody', async (t) => {
  const person = await enrolledPerson()
  const [enrolled, unknown] = await Promise.all(
    [person.email, newPerson().email].map((email) =>
      api('POST', '/login', { body: { email, password: 'not the phrase of anyone' } }),
    ),
  )
  t.equal(enrolled?.status, 401)
  t.same(enrolled?.body['code'], unknown?.body['code'])
})

t.test('the older prefix is the same route', async (t) => {
  const person = await enrolledPerson()
  const mfaToken = await mfaTokenOf(testApp, person.email)
  const payload = { mfaToken, code: await freshCode(testApp, person) }
  t.equal((await app.inject({ method: 'POST', url: '/api/auth/2fa/challenge', payload })).statusCode, 200)
})
