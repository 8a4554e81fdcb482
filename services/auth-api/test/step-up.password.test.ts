// Attacks: an access token that was stolen from an open laptop does what only its owner should; guessing the password with it.
import type { Session } from '@latchkey/contracts/http/answers'
import t from 'tap'
import { buildApp } from '@latchkey/auth-api/app'
import { anotherPassword, eventsOf, newPerson, signIn, signUp } from './support/accounts.js'
import { letTimePass, logOut, password, storedSession } from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const wrong = 'not the phrase of anyone'
const testApp = await createTestApp(t, {
  limitLoginAccount: { max: 4, windowSeconds: 60 },
  hashConcurrency: 4,
  useCookieSessions: true,
})
const { api, db, deps, database } = testApp

// No route of today needs it; the routes that will are like this one.
const guarded = await buildApp(deps)
t.teardown(() => guarded.close())
guarded.get('/guarded', { config: { auth: 'session', limit: 'general', freshAuth: true } }, () => 'done')
await guarded.ready()

const callGuarded = (accessToken: string, method: 'GET' | 'HEAD' = 'GET') =>
  guarded.inject({ method, url: '/guarded', headers: { authorization: `Bearer ${accessToken}` } })

const stepUp = (
  { accessToken }: Pick<Session, 'accessToken'>,
  body: object = { password },
  ip = '192.0.2.200',
): Promise<ApiAnswer> => api('POST', '/step-up', { token: accessToken, body, ip })

const claimsOf = ({ accessToken }: Pick<Session, 'accessToken'>) =>
  JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>

/** A session whose user signed in a while ago, with tokens of now. */
async function agedSession(seconds = 301): Promise<Session> {
  const { email, ip } = newPerson()
  const session = await signUp(testApp, { email }, { ip })
  await letTimePass(db, session.sessionId, seconds)
  const { body } = await api('POST', '/refresh', { body: { refreshToken: session.refreshToken }, ip })
  return body as unknown as Session
}

t.test('who has just signed in may; who did minutes ago must authenticate once more', async (t) => {
  const session = await signUp(testApp, { email: newPerson().email })
  t.equal((await callGuarded(session.accessToken)).statusCode, 200)
  t.equal((await callGuarded((await agedSession(290)).accessToken)).statusCode, 200)

  const aged = await agedSession()
  const refused = await callGuarded(aged.accessToken)
  t.equal(refused.statusCode, 403)
  t.match(refused.json(), {
    code: 'step_up_required',
    status: 403,
    methods: ['password'],
    maxAgeSeconds: 300,
  })
  t.equal(
    refused.headers['www-authenticate'],
    'Bearer error="insufficient_user_authentication", max_age="300"',
  )
  t.equal((await callGuarded(aged.accessToken, 'HEAD')).statusCode, 403, 'HEAD is no way around')
  t.equal((await guarded.inject('/guarded')).statusCode, 401, 'nobody is asked to step up')
})

t.test('the password raises the session: new access token, the same refresh token', async (t) => {
  const aged = await agedSession()
  const before = await storedSession(db, aged.sessionId)
  const answer = await stepUp(aged)
  t.equal(answer.status, 200)
  const raised = answer.body as unknown as Session
  t.equal(raised.refreshToken, aged.refreshToken)
  t.same(await storedSession(db, aged.sessionId), before, 'nothing about the rotation has moved')
  t.match(claimsOf(raised), { sid: aged.sessionId, gen: claimsOf(aged)['gen'], amr: ['pwd'], aal: 1 })
  t.ok(Date.now() / 1000 - Number(claimsOf(raised)['auth_time']) < 10)

  t.equal((await callGuarded(raised.accessToken)).statusCode, 200)
  t.equal((await callGuarded(aged.accessToken)).statusCode, 403, 'the token of before says when it was')
  const { body } = await api('POST', '/refresh', { body: { refreshToken: raised.refreshToken } })
  t.equal(claimsOf(body as unknown as Session)['auth_time'], claimsOf(raised)['auth_time'])
  t.match(
    (await eventsOf(testApp)).find(
      ({ type, sessionId }) => type === 'session.stepped_up' && sessionId === aged.sessionId,
    ),
    { severity: 'info', userId: aged.user.id, ip: '192.0.2.200', data: { method: 'pwd' } },
  )
  t.equal(
    (await api('POST', '/api/auth/step-up', { token: raised.accessToken, body: { password } })).status,
    200,
  )
})

t.test('how the user authenticated is a set', async (t) => {
  const session = await signUp(testApp, { email: newPerson().email })
  await db`UPDATE sessions SET amr = '{hwk}' WHERE id = ${session.sessionId}`
  for (const amr of [
    ['hwk', 'pwd'],
    ['hwk', 'pwd'],
  ]) {
    const { body } = await stepUp(session)
    t.same(claimsOf(body as unknown as Session)['amr'], amr)
  }
})

t.test('a browser gets it in its cookies', async (t) => {
  const { email } = newPerson()
  await signUp(testApp, { email })
  const signedIn = await testApp.app.inject({
    method: 'POST',
    url: '/api/v1/auth/login',
    headers: { 'x-session-mode': 'cookie' },
    payload: { email, password },
  })
  const jar = signedIn.cookies
  const answer = await testApp.app.inject({
    method: 'POST',
    url: '/api/v1/auth/step-up',
    cookies: Object.fromEntries(jar.map(({ name, value }) => [name, value])),
    headers: { 'x-csrf-token': jar.find(({ name }) => name === 'lk_csrf')?.value ?? '' },
    payload: { password },
  })
  t.equal(answer.statusCode, 200)
  t.same(new Set(answer.cookies.map(({ name }) => name)), new Set(['lk_at', 'lk_rt', 'lk_csrf']))
  t.notMatch(answer.body, /lk1\.|eyJ/)
})

t.test('a wrong password raises nothing, and is told as a failed sign-in', async (t) => {
  const aged = await agedSession()
  const answer = await stepUp(aged, { password: wrong })
  t.match(answer, { status: 401, body: { code: 'invalid_credentials' } })
  const { body } = await api('POST', '/refresh', { body: { refreshToken: aged.refreshToken } })
  t.equal((await callGuarded((body as unknown as Session).accessToken)).statusCode, 403)
  t.match(
    (await eventsOf(testApp)).find(
      ({ type, sessionId }) => type === 'login.failed' && sessionId === aged.sessionId,
    ),
    { severity: 'notice', userId: aged.user.id, data: { reason: 'wrong_password', during: 'step_up' } },
  )
})

t.test('what is no password is refused before it is counted', async (t) => {
  const session = await signUp(testApp, { email: newPerson().email })
  for (const body of [
    {},
    { password: '' },
    { password: 7 },
    { password: 'x'.repeat(129) },
    { code: 'abcdef' },
  ]) {
    for (let n = 0; n < 2; n += 1) t.equal((await stepUp(session, body)).body['code'], 'validation_failed')
  }
  t.equal((await stepUp(session)).status, 200)
  t.equal((await api('POST', '/step-up', { body: { password } })).body['code'], 'token_missing')
})

t.test('guesses count with those at sign-in and at a change of password, in parallel too', async (t) => {
  const { email, ip } = newPerson()
  const session = await signUp(testApp, { email })
  t.equal((await api('POST', '/login', { body: { email, password: wrong }, ip })).status, 401)
  const change = { currentPassword: wrong, newPassword: anotherPassword }
  t.equal(
    (await api('POST', '/change-password', { token: session.accessToken, body: change, ip })).status,
    401,
  )
  const answers = await Promise.all(Array.from({ length: 8 }, () => stepUp(session, { password: wrong }, ip)))
  t.equal(answers.filter(({ status }) => status === 401).length, 2)
  t.equal(answers.filter(({ body }) => body['code'] === 'rate_limited').length, 6)
  t.equal((await stepUp(session, { password }, ip)).status, 429)
  t.equal((await api('POST', '/login', { body: { email, password }, ip })).status, 429)
})

t.test('a right one clears them', async (t) => {
  const { email, ip } = newPerson()
  const session = await signUp(testApp, { email })
  for (let round = 0; round < 2; round += 1) {
    for (let n = 0; n < 3; n += 1) t.equal((await stepUp(session, { password: wrong }, ip)).status, 401)
    t.equal((await stepUp(session, { password }, ip)).status, 200)
  }
})

t.test('a session or user that ended since the token was checked is not raised', async (t) => {
  const ended = await signUp(testApp, { email: newPerson().email })
  await logOut(testApp.app, ended.accessToken)
  t.equal((await stepUp(ended)).body['code'], 'session_revoked')
  const disabled = await signUp(testApp, { email: newPerson().email })
  await db`UPDATE users SET disabled_at = now() WHERE id = ${disabled.user.id}`
  t.equal((await stepUp(disabled)).body['code'], 'session_revoked')
})

t.test('without a password there is none to step up with', async (t) => {
  const aged = await agedSession()
  await db`DELETE FROM credentials WHERE user_id = ${aged.user.id}`
  t.same((await callGuarded(aged.accessToken)).json<{ methods: string[] }>().methods, [])
  t.equal((await stepUp(aged)).body['code'], 'invalid_credentials')
})

t.test('a step-up and a change of password at once: what the old password raised came before', async (t) => {
  for (let round = 0; round < 8; round += 1) {
    const { email } = newPerson()
    const other = await signUp(testApp, { email })
    const own = await signIn(testApp, { email })
    const body = { currentPassword: password, newPassword: anotherPassword }
    const [raised, changed] = await Promise.all([
      stepUp(other),
      api('POST', '/change-password', { token: own.accessToken, body, ip: '192.0.2.201' }),
    ])
    t.equal(changed.status, 204)
    t.ok([200, 401].includes(raised.status), `answered ${raised.status}`)
    t.equal((await stepUp(other)).body['code'], 'session_revoked')
    if (raised.status === 200)
      t.equal((await stepUp(raised.body as unknown as Session)).body['code'], 'session_revoked')
  }
})

t.test('a step-up goes through when a sign-in renews the hash under it', async (t) => {
  const strong = await createTestApp(t, { ...deps.config, argon2Time: 3 }, { database })
  for (let round = 0; round < 3; round += 1) {
    const { email } = newPerson()
    const session = await signUp(testApp, { email })
    const [raised] = await Promise.all([stepUp(session), signIn(strong, { email })])
    t.equal(raised.status, 200)
  }
})

t.test(
  'a row that will not be raised is told as a wrong password, and leaves the session as it was',
  async (t) => {
    const aged = await agedSession()
    await db`CREATE FUNCTION overtake() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`
    await db`CREATE TRIGGER overtake BEFORE UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION overtake()`
    t.teardown(() => db`DROP TRIGGER IF EXISTS overtake ON sessions`)
    t.equal((await stepUp(aged)).body['code'], 'invalid_credentials')
    await db`DROP TRIGGER overtake ON sessions`
    t.equal((await stepUp(aged)).status, 200)
  },
)

t.test('a route that asks nobody cannot ask for fresh authentication', async (t) => {
  const careless = await buildApp(deps)
  t.teardown(() => careless.close())
  t.throws(
    () =>
      careless.get('/careless', { config: { auth: 'none', limit: 'none', freshAuth: true } }, () => 'open'),
    /\/careless asks nobody/,
  )
})
