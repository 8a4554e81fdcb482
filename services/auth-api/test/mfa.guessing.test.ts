// Attacks: guessing six digits, from many sign-ins and in parallel; using a code, a recovery code or a sign-in twice.
import type { Session } from '@latchkey/contracts/http/answers'
import t from 'tap'
import { attemptsOf, isAlive } from './support/accounts.js'
import { enrolledPerson, eventsFor, freshCode, mfaTokenOf, wrongCode } from './support/authenticator.js'
import { password } from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const testApp = await createTestApp(t, {
  limitMfaChallenge: { max: 5, windowSeconds: 900 },
  lockoutAfter: 10,
  hashConcurrency: 4,
})
const { api, db } = testApp

const answer = (body: object): Promise<ApiAnswer> => api('POST', '/2fa/challenge', { body })

async function countSessions(userId: string): Promise<number> {
  const [row] = await db<{ live: number }[]>`
    SELECT count(*)::int AS live FROM sessions WHERE user_id = ${userId} AND revoked_at IS NULL`
  return row?.live ?? 0
}

const told = (userId: string, type: string) => eventsFor(testApp, userId, type)

t.test('a wrong code leaves the sign-in to be gone on with, five times', async (t) => {
  const person = await enrolledPerson(testApp)
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
  const person = await enrolledPerson(testApp)
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

t.test('a sign-in is completed once, and a code is good once', async (t) => {
  const person = await enrolledPerson(testApp)
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
  const person = await enrolledPerson(testApp)
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
    const before = await countSessions(person.userId)
    const presented = await body()
    const answers = await Promise.all(tokens.map((mfaToken) => answer({ mfaToken, ...presented })))
    t.equal(answers.filter(({ status }) => status === 200).length, 1, name)
    t.notOk(
      answers.find(({ status }) => status >= 500),
      name,
    )
    t.equal(await countSessions(person.userId), before + 1, name)
  }
  t.equal((await told(person.userId, 'recovery_code.used')).length, 1)
})

t.test('a removal and a sign-in at once: no session is left that the removal did not see', async (t) => {
  for (let round = 0; round < 6; round += 1) {
    const person = await enrolledPerson(testApp)
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
    t.equal(await countSessions(person.userId), 1)
    if (completed.status === 200)
      t.equal((await isAlive(testApp, completed.body as unknown as Session)).access, false)
  }
})

t.test('one code at once for several sign-ins remembers one device', async (t) => {
  const person = await enrolledPerson(testApp)
  const tokens = await Promise.all(Array.from({ length: 8 }, () => mfaTokenOf(testApp, person.email)))
  const code = await freshCode(testApp, person)
  const answers = await Promise.all(
    tokens.map((mfaToken) => answer({ mfaToken, code, rememberDevice: true })),
  )
  t.equal(answers.filter(({ status }) => status === 200).length, 1)
  t.equal((await told(person.userId, 'device.remembered')).length, 1)
})
