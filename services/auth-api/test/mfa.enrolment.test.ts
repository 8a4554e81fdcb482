// Attacks: somebody at an open laptop who sets up an app of their own; a seed that is guessed, read or set up twice.
import type { Session, TotpSetup } from '@latchkey/contracts/http/answers'
import { enableTotp } from '@latchkey/auth-api/features/mfa/enable-totp'
import { presentCode } from '@latchkey/auth-api/features/mfa/present-code'
import { readSecondFactors } from '@latchkey/auth-api/features/mfa/read-second-factors'
import { resealSeeds } from '@latchkey/auth-api/features/mfa/reseal-seeds'
import { tellMissingFactors } from '@latchkey/auth-api/features/mfa/tell-missing-factors'
import { secretText } from '@latchkey/auth-api/features/mfa/totp'
import { openSeed } from '@latchkey/auth-api/features/mfa/totp-seed'
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import { newId } from '@latchkey/platform/crypto/identifiers'
import t from 'tap'
import { isAlive, newPerson, signIn, signUp } from './support/accounts.js'
import {
  agedSession,
  claimsOf,
  codeNow,
  enrol,
  enrolledPerson,
  eventsFor,
  freshCode,
  mfaTokenOf,
  wrongCode,
} from './support/authenticator.js'
import { rememberDeviceOf } from './support/remembered-devices.js'
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

async function setUp(session: Pick<Session, 'accessToken'>): Promise<TotpSetup> {
  const { status, body } = await post('/2fa/setup', session)
  if (status !== 200) throw new Error(`answered ${status}`)
  return body as unknown as TotpSetup
}

const told = (userId: string, type: string) => eventsFor(testApp, userId, type)

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
  t.same((await api('GET', '/2fa', { token: user.accessToken })).body, {
    totp: null,
    recoveryCodesLeft: 0,
    passkeys: 0,
    rememberedDevices: 0,
    isRequired: false,
  })

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

t.test('no seed, recovery code or token of a device stands in the database or an event', async (t) => {
  const person = await enrolledPerson(testApp)
  const { secret, recoveryCodes, session } = person
  const { token } = await rememberDeviceOf(testApp, person)
  const secrets = [secret, ...recoveryCodes, ...recoveryCodes.map(unspaced), token.slice('lkr_'.length)]
  const seed = Buffer.from(base32Bytes(secret))
  const [stored] = await db<{ everything: string }[]>`
    SELECT concat((SELECT json_agg(f) FROM totp_factors f WHERE user_id = ${session.user.id}),
      (SELECT json_agg(r) FROM recovery_codes r), (SELECT json_agg(d) FROM remembered_devices d), (SELECT json_agg(o) FROM outbox o)) AS everything`
  for (const text of [...secrets, seed.toString('hex')]) t.notOk(stored?.everything.includes(text))
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
  const old = await enrolledPerson(testApp)
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
  const user = await agedSession(testApp, await newUser())
  for (const path of ['/2fa/setup', '/2fa/verify'])
    t.match(await post(path, user, path.endsWith('verify') ? { code: '123456' } : undefined), {
      status: 403,
      body: { code: 'step_up_required', methods: ['password'] },
    })
  const enrolled = await enrolledPerson(testApp)
  const stale = await agedSession(testApp, enrolled.session)
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

t.test('a change of AUTH_SECRET: seeds move to the new one as they are used', async (t) => {
  const person = await enrolledPerson(testApp)
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

t.test('a start with both secrets moves every seed, those of people who are away too', async (t) => {
  const people = await Promise.all([enrolledPerson(testApp), enrolledPerson(testApp)])
  const during = createKeyring('c'.repeat(40), deps.config.authSecret)
  const after = createKeyring('c'.repeat(40), null)
  const lines: [object, string][] = []
  const keep = (fields: object, text: string) => void lines.push([fields, text])
  const log = Object.assign(Object.create(deps.log) as typeof deps.log, { info: keep, warn: keep })
  await db`UPDATE totp_factors SET sealed_seed = NULL, enabled_at = NULL, last_used_step = NULL
    WHERE user_id <> ALL (${people.map(({ userId }) => userId)}::uuid[])`

  await resealSeeds({ ...deps, log, keyring: during })
  await resealSeeds({ ...deps, log, keyring: after })
  const rows = await db<{ userId: string; sealedSeed: Buffer }[]>`
    SELECT user_id, sealed_seed FROM totp_factors WHERE sealed_seed IS NOT NULL`
  t.same(
    new Set(rows.map(({ userId, sealedSeed }) => secretText(openSeed(after, userId, sealedSeed)))),
    new Set(people.map(({ secret }) => secret)),
  )
  await resealSeeds({ ...deps, log, keyring: createKeyring('d'.repeat(40), null) })
  const failing = { ...deps, log, sql: Object.assign(() => Promise.reject(new Error('away')), deps.sql) }
  await resealSeeds(failing)
  t.match(lines, [
    [{ moved: 2, lost: 0 }, 'second factors are sealed with AUTH_SECRET'],
    [{ moved: 0, lost: 0 }, 'second factors are sealed with AUTH_SECRET'],
    [{ moved: 0, lost: 2 }, 'second factors are sealed with AUTH_SECRET'],
    [{ moved: 0 }, /^not all/],
  ])
})

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

t.test('the start tells how many will be asked', async (t) => {
  const lines: [object, string][] = []
  const keep = (...line: [object, string]) => lines.push(line)
  const log = Object.assign(Object.create(deps.log) as typeof deps.log, { warn: keep })
  const { user } = await newUser()
  await db`UPDATE users SET roles = '{user,auditor}' WHERE id = ${user.id}`
  await tellMissingFactors({ ...deps, log })
  t.match(lines, [[{ users: 1, orMore: false }, /must set up a second factor/]])

  lines.length = 0
  const nobody = { ...deps.config, requireMfa: { admins: false, everyone: false, userTypes: [] } }
  await tellMissingFactors({ ...deps, config: nobody, log })
  t.same(lines, [])
  const refuse = () => {
    throw new Error('away')
  }
  const sql = Object.assign(refuse, deps.sql)
  await tellMissingFactors({ ...deps, log, sql })
  t.match(lines, [[{ err: Error }, /could not be counted/]])
})

t.test('who was deleted since the access token was checked has nothing to be told of', async (t) => {
  await t.rejects(readSecondFactors(deps, newId()), { code: 'session_revoked' })
})
