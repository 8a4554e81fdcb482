// Attacks: a stolen password with a token that is forged, somebody else's, old or withdrawn; a device that is remembered for too much.
import type { Session } from '@latchkey/contracts/http/answers'
import { answerChallenge } from '@latchkey/auth-api/features/mfa/answer-challenge'
import { removePasskey } from '@latchkey/auth-api/features/passkeys/remove-passkey'
import { openSession } from '@latchkey/auth-api/features/sessions/open-session'
import {
  hashRememberToken,
  newRememberToken,
} from '@latchkey/auth-api/features/remembered-devices/remember-token'
import { waitFor } from '@latchkey/devstack/wait-for'
import { newId } from '@latchkey/platform/crypto/identifiers'
import t from 'tap'
import { anotherPassword, isAlive, passwordHashOf, signIn } from './support/accounts.js'
import { newOperator } from './support/admins.js'
import {
  claimsOf,
  type EnrolledPerson,
  enrol,
  enrolledPerson,
  eventsFor,
  freshCode,
  mfaTokenOf,
} from './support/authenticator.js'
import { insertPasskey } from './support/enrolments.js'
import {
  completeSignIn,
  type Completion,
  listDevices,
  outcomeOnDevice,
  type Remembered,
  rememberDeviceOf,
} from './support/remembered-devices.js'
import { password } from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const testApp = await createTestApp(t, { hashConcurrency: 4, useCookieSessions: true })
const { api, db, deps } = testApp
const origin = { ip: '192.0.2.1', userAgent: null, requestId: 'r', traceId: null }
const inCookies = { 'x-session-mode': 'cookie' }

const told = (userId: string, type: string) => eventsFor(testApp, userId, type)

const complete = (person: EnrolledPerson, options?: Completion) => completeSignIn(testApp, person, options)
const remember = (person: EnrolledPerson) => rememberDeviceOf(testApp, person)
const outcomeOf = (email: string, token: string, secret = password) =>
  outcomeOnDevice(testApp, { email, password: secret, rememberToken: token })
const devicesOf = (session: Session) => listDevices(testApp, session)
const logIn = (email: string, rememberToken: string) =>
  api('POST', '/login', { body: { email, password, rememberToken } })

t.test('a remembered device needs the password alone, and its session is one of one factor', async (t) => {
  const person = await enrolledPerson(testApp)
  const { token, session } = await remember(person)
  t.match(token, /^lkr_[\w-]{43}$/)
  t.match(claimsOf(session), { aal: 2 })

  const { status, body } = await logIn(person.email, token)
  t.equal(status, 200)
  const opened = body as unknown as Session
  t.equal(body['rememberToken'], undefined)
  t.match(claimsOf(opened), { amr: ['pwd'], aal: 1 })
  t.same(await isAlive(testApp, opened), { access: true, refresh: true })
  const [device] = await devicesOf(session)
  t.match(device, { name: 'Laptop', userAgent: String, ipAddress: '127.0.0.1', createdAt: String })
  t.match((await told(person.userId, 'device.remembered'))[0], { data: { rememberedDevice: device?.id } })
  t.match((await told(person.userId, 'login.succeeded')).at(-1), {
    sessionId: opened.sessionId,
    data: { amr: ['pwd'], rememberedDevice: device?.id },
  })
  t.match((await api('GET', '/2fa', { token: opened.accessToken })).body, { rememberedDevices: 1 })

  // What needs the factor still does.
  for (const path of ['/2fa/setup', '/me/export'])
    t.match(await api(path === '/2fa/setup' ? 'POST' : 'GET', path, { token: opened.accessToken }), {
      status: 403,
      body: { code: 'step_up_required', methods: ['totp', 'recovery_code'] },
    })
  t.match(await api('POST', '/step-up', { token: opened.accessToken, body: { password } }), {
    status: 403,
    body: { code: 'step_up_required' },
  })
})

t.test('of a browser the token is in a cookie that no script reads', async (t) => {
  const person = await enrolledPerson(testApp)
  const answer = await complete(person, { headers: inCookies })
  t.equal(answer.status, 200)
  t.notMatch(JSON.stringify(answer.body), /lkr_/)
  const line = [answer.headers['set-cookie']]
    .flat()
    .map(String)
    .find((text) => text.startsWith('lk_mfa='))
  t.match(line, /^lk_mfa=lkr_[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict$/)
  const cookie = line?.split(';')[0] ?? ''
  const body = { email: person.email, password }
  const login = (sent: string) => api('POST', '/login', { headers: { ...inCookies, cookie: sent }, body })
  t.match((await login(cookie)).body, { sessionId: String })
  t.match((await login(`${cookie}; ${cookie}`)).body, { mfaRequired: true }, 'sent twice is sent by nobody')
})

t.test('it does for its user, with the right password, and for nobody else', async (t) => {
  const [owner, other] = [await enrolledPerson(testApp), await enrolledPerson(testApp)]
  const { token } = await remember(owner)
  const forged = newRememberToken().token
  for (const [email, text] of [
    [other.email, token],
    [owner.email, forged],
    [owner.email, token.slice(0, -1)],
    [owner.email, token.toUpperCase()],
    [owner.email, owner.session.refreshToken],
    [owner.email, "' OR true --"],
  ] as const)
    t.equal(await outcomeOf(email, text), 'challenge')
  t.equal(await outcomeOf(owner.email, token, 'not the phrase of anyone'), 'invalid_credentials')
  for (const rememberToken of ['', null, [token], 'x'.repeat(257)])
    t.match(await api('POST', '/login', { body: { email: owner.email, password, rememberToken } }), {
      status: 400,
      body: { code: 'validation_failed' },
    })
  t.equal(await outcomeOf(owner.email, token), 'session', 'none of that has spoilt it')
  t.equal(hashRememberToken(`${token}A`), null)
})

t.test('twenty sign-ins at once on one device all come in', async (t) => {
  const person = await enrolledPerson(testApp)
  const { token } = await remember(person)
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcomeOf(person.email, token)))
  t.same(new Set(outcomes), new Set(['session']))
})

const ends: Record<string, (person: EnrolledPerson, remembered: Remembered) => Promise<unknown>> = {
  'it is removed': async ({ session }) => {
    const [device] = await devicesOf(session)
    const { status } = await api('DELETE', `/2fa/devices/${device?.id}`, { token: session.accessToken })
    t.equal(status, 204)
  },
  'all are removed': async ({ session }) => {
    const { body } = await api('DELETE', '/2fa/devices', { token: session.accessToken })
    t.same(body, { forgotten: 1 })
  },
  'the user signs out everywhere': ({ session }) =>
    api('POST', '/logout-all', { token: session.accessToken }),
  'a new phone is set up': (person, { session }) => enrol(testApp, session),
  'a passkey is removed': async ({ userId, session: { sessionId } }) =>
    removePasskey(deps, { id: await insertPasskey(testApp, userId), userId, sessionId, origin }),
  'an admin signs the user out': async ({ userId }) =>
    (await newOperator(testApp)).call('POST', `/users/${userId}/logout-all`),
  'the user becomes an auditor': ({ userId }) =>
    db`UPDATE users SET roles = '{user,auditor}' WHERE id = ${userId}`,
  'its time is over': ({ userId }) =>
    db`UPDATE remembered_devices SET expires_at = now() WHERE user_id = ${userId}`,
  'the setting is shorter by now': ({ userId }) =>
    db`UPDATE remembered_devices SET created_at = now() - interval '31 days' WHERE user_id = ${userId}`,
}
for (const [name, end] of Object.entries(ends)) {
  t.test(`it is asked for the factor again when ${name}`, async (t) => {
    const person = await enrolledPerson(testApp)
    const remembered = await remember(person)
    t.equal(await outcomeOf(person.email, remembered.token), 'session')
    await end(person, remembered)
    t.equal(await outcomeOf(person.email, remembered.token), 'challenge')
  })
}

t.test('a change of the password forgets devices, this one too', async (t) => {
  const person = await enrolledPerson(testApp)
  const { token, session } = await remember(person)
  const change = { currentPassword: password, newPassword: anotherPassword }
  const changed = await api('POST', '/change-password', { token: session.accessToken, body: change })
  t.equal(changed.status, 204)
  t.equal(await outcomeOf(person.email, token, anotherPassword), 'challenge')
  t.match((await told(person.userId, 'device.forgotten')).at(-1), {
    severity: 'info',
    data: { reason: 'password_changed', devices: 1 },
  })
})

t.test('when the factor is gone and another is set up, the device of before is a stranger', async (t) => {
  const person = await enrolledPerson(testApp)
  const { token, session } = await remember(person)
  const body = { password, recoveryCode: person.recoveryCodes[0] }
  t.equal((await api('POST', '/2fa/disable', { token: session.accessToken, body })).status, 204)
  await enrol(testApp, await signIn(testApp, { email: person.email, rememberToken: token }))
  t.equal(await outcomeOf(person.email, token), 'challenge')
})

async function isSomeoneWaiting(): Promise<boolean> {
  const waiting = await db`
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  return waiting.length > 0
}
const someoneWaits = () => waitFor(isSomeoneWaiting, { what: 'somebody to wait for a lock' })

t.test('a removal that comes while the password is looked at is seen', async (t) => {
  const person = await enrolledPerson(testApp)
  const { token } = await remember(person)
  const passwordHash = await passwordHashOf(testApp, person.session.user)
  const rememberTokenHash = hashRememberToken(token) ?? Buffer.alloc(32)
  const input = { userId: person.userId, passwordHash, amr: ['pwd'], deviceName: null, origin }
  let opening: Promise<unknown> = Promise.resolve()
  await db.begin(async (sql) => {
    // As a change of the factor does: the sign-in has begun, and waits.
    await sql`SELECT FROM credentials WHERE user_id = ${person.userId} FOR NO KEY UPDATE`
    opening = openSession(deps.sql, deps, { ...input, rememberTokenHash })
    await someoneWaits()
    await sql`DELETE FROM remembered_devices WHERE user_id = ${person.userId}`
  })
  t.equal(await opening, null)
})

t.test('a sign-out of everything waits for a sign-in on the device, and keeps nothing from it', async (t) => {
  const person = await enrolledPerson(testApp)
  const { session } = await remember(person)
  let signOut: Promise<ApiAnswer> | undefined
  await db.begin(async (sql) => {
    // In the order of a sign-in. The other way round one of the two would be a deadlock's victim.
    await sql`UPDATE remembered_devices SET last_used_at = now() WHERE user_id = ${person.userId}`
    signOut = api('POST', '/logout-all', { token: session.accessToken })
    await someoneWaits()
    await sql`SELECT FROM sessions WHERE user_id = ${person.userId} FOR UPDATE NOWAIT`
  })
  t.equal((await signOut)?.status, 200)
})

t.test('a recovery code remembers nothing, and is not used up by asking', async (t) => {
  const person = await enrolledPerson(testApp)
  const mfaToken = await mfaTokenOf(testApp, person.email)
  const [recoveryCode] = person.recoveryCodes
  const ask = (body: object) => api('POST', '/2fa/challenge', { body: { mfaToken, recoveryCode, ...body } })
  t.match(await ask({ rememberDevice: true }), {
    status: 400,
    body: { errors: [{ path: '/rememberDevice' }] },
  })
  t.match(await ask({ rememberDevice: 'yes' }), { status: 400 })
  const { status, body } = await ask({ rememberDevice: false })
  t.equal(status, 200)
  t.equal(body['rememberToken'], undefined)
})

t.test('an admin is always asked', async (t) => {
  const person = await enrolledPerson(testApp)
  await db`UPDATE users SET roles = '{user,admin}' WHERE id = ${person.userId}`
  const { status, body } = await complete(person)
  t.equal(status, 200)
  t.equal(body['rememberToken'], undefined)
  const { headers } = await complete(person, { headers: inCookies })
  t.notMatch(String(headers['set-cookie']), /lk_mfa/)
  t.equal((await told(person.userId, 'device.remembered')).length, 0)
})

t.test('a user has twenty devices at most, and removes none of somebody else', async (t) => {
  const person = await enrolledPerson(testApp)
  await db`
    INSERT INTO remembered_devices (id, user_id, token_hash, last_used_at, expires_at)
    SELECT gen_random_uuid(), ${person.userId}, sha256(n::text::bytea), now() - n * interval '1 day', now() + interval '1 day'
    FROM generate_series(1, 20) AS n`
  const { session } = await remember(person)
  const devices = await devicesOf(session)
  t.equal(devices.length, 20)
  t.equal(devices[0]?.name, 'Laptop')

  const stranger = await enrolledPerson(testApp)
  for (const id of [devices[0]?.id, newId()])
    t.match(await api('DELETE', `/2fa/devices/${id}`, { token: stranger.session.accessToken }), {
      status: 404,
      body: { code: 'not_found' },
    })
  t.same((await api('DELETE', '/2fa/devices', { token: stranger.session.accessToken })).body, {
    forgotten: 0,
  })
  t.equal((await devicesOf(session)).length, 20)
})

t.test('an export names devices, and an erasure takes them', async (t) => {
  const person = await enrolledPerson(testApp)
  const { session } = await remember(person)
  const { body } = await api('GET', '/me/export', { token: session.accessToken })
  t.match(body['rememberedDevices'], [{ name: 'Laptop', ipAddress: '127.0.0.1', expiresAt: String }])
  t.notMatch(JSON.stringify(body), /lkr_|tokenHash/)
  const erasure = { password, recoveryCode: person.recoveryCodes[0] }
  await api('DELETE', '/me', { token: session.accessToken, body: erasure })
  t.equal((await db`SELECT FROM remembered_devices WHERE user_id = ${person.userId}`).length, 0)
})

t.test('where it is switched off nothing is remembered, and what was is not looked at', async (t) => {
  const person = await enrolledPerson(testApp)
  const { token } = await remember(person)
  const passwordHash = await passwordHashOf(testApp, person.session.user)
  const off = { config: { ...deps.config, mfaRememberTtlSeconds: 0 } }
  const rememberTokenHash = hashRememberToken(token) ?? Buffer.alloc(32)
  const input = { userId: person.userId, passwordHash, amr: ['pwd'], deviceName: null, origin }
  t.equal(await openSession(deps.sql, off, { ...input, rememberTokenHash }), null)

  const mfaToken = await mfaTokenOf(testApp, person.email)
  const answer = { mfaToken, code: await freshCode(testApp, person), rememberDevice: true }
  await t.rejects(answerChallenge({ ...deps, ...off }, answer, { origin, pass: null }), {
    code: 'validation_failed',
    errors: [{ path: '/rememberDevice', message: 'is switched off' }],
  })
})
