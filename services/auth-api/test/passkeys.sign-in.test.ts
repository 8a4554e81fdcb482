// Attack: a signature that was made for somebody else, for something else, elsewhere, before, twice, or by a copy of the key.
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { attemptsOf, eventsOf, isAlive, signIn } from './support/accounts.js'
import {
  agedSession,
  claimsOf,
  codeNow,
  enrol,
  enrolledPerson,
  eventsFor,
  freshCode,
  mfaTokenOf,
} from './support/authenticator.js'
import {
  addPasskey,
  creationOptions,
  passkeyHolder,
  type PasskeyHolder,
  passkeySettings,
  requestOptions,
  verifySignIn,
} from './support/passkeys.js'
import { password } from './support/session-driver.js'
import { usePasskey, testOrigin, type Bend } from './support/software-authenticator.js'
import { createTestApp } from './support/test-app.js'
import type { Session } from '@latchkey/contracts/http/answers'

const testApp = await createTestApp(t, passkeySettings)
const { api, db } = testApp

/** The last event of a type that was told of somebody, or of nobody. */
async function lastEvent(type: string) {
  return (await eventsOf(testApp)).findLast((event) => event.type === type)
}

const sessionsOf = async (userId: string): Promise<number> =>
  (await db`SELECT FROM sessions WHERE user_id = ${userId} AND revoked_at IS NULL`).length

for (const algorithm of ['ES256', 'EdDSA', 'RS256'] as const)
  t.test(`a passkey of ${algorithm} signs in without a name and a password`, async (t) => {
    const { email, held, userId, passkeyId } = await passkeyHolder(testApp, { algorithm })
    const before = await attemptsOf(testApp, 'passkey')
    const options = await requestOptions(testApp)
    t.match(options, {
      rpId: 'example.com',
      userVerification: 'required',
      allowCredentials: [],
      timeout: 300_000,
    })
    const answer = await api('POST', '/passkeys/login/verify', {
      body: { passkey: usePasskey(options, held), deviceName: 'Telephone' },
    })
    t.equal(answer.status, 200)
    const session = answer.body as unknown as Session
    t.equal(session.user.email, email)
    t.match(claimsOf(session), { aal: 2, amr: ['swk', 'user', 'mfa'] })
    t.match(String(answer.headers['set-cookie']), 'lk_dev')
    t.match(await lastEvent('login.succeeded'), {
      userId,
      data: { amr: ['swk', 'user', 'mfa'], deviceName: 'Telephone' },
    })
    t.same(await attemptsOf(testApp, 'passkey', before), { success: 1, failure: 0 })
    const list = await api('GET', '/passkeys', { token: session.accessToken })
    t.match(list.body, { passkeys: [{ id: passkeyId, isSynced: true, lastUsedAt: /^20/, disabledAt: null }] })
  })

t.test('one that is bound to its device says so, and its counter is kept', async (t) => {
  const { held, passkeyId } = await passkeyHolder(testApp, { isSynced: false, signCount: 7 })
  const answer = await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held))
  t.same(claimsOf(answer.body as unknown as Session)['amr'], ['hwk', 'user', 'mfa'])
  const [row] = await db`SELECT sign_count, is_synced, is_backed_up FROM passkeys WHERE id = ${passkeyId}`
  t.same(row, { signCount: 8n, isSynced: false, isBackedUp: false })
})

t.test('it opens the account of a user with an authenticator app, too', async (t) => {
  const person = await enrolledPerson(testApp)
  const { held, recoveryCodes } = await addPasskey(testApp, person.session)
  t.equal(recoveryCodes, null, 'who has a factor has codes')
  const answer = await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held))
  t.equal(answer.status, 200)
  t.equal((answer.body as unknown as Session).user.mfaEnabled, true)
})

t.test('cookies that are switched off are refused before the challenge is used up', async (t) => {
  const { held } = await passkeyHolder(testApp)
  const passkey = usePasskey(await requestOptions(testApp), held)
  const answer = await verifySignIn(testApp, passkey, { headers: { 'x-session-mode': 'cookie' } })
  t.equal(answer.status, 400)
  t.equal((await verifySignIn(testApp, passkey)).status, 200)
})

const other = await passkeyHolder(testApp)
const encoded = (text: string): string => Buffer.from(text).toString('base64url')
const bends: [what: string, bend: Bend, reason: string][] = [
  ['another site', { origin: 'https://example.com.evil.test' }, 'wrong_origin'],
  ['another port', { origin: `${testOrigin}:8443` }, 'wrong_origin'],
  ['a subdomain that is not listed', { origin: 'https://blog.example.com' }, 'wrong_origin'],
  ['no origin', { origin: 'null' }, 'wrong_origin'],
  ['a frame of another site', { crossOrigin: true }, 'wrong_origin'],
  ['a frame that is told otherwise', { crossOrigin: 'true' }, 'wrong_origin'],
  ['a frame by its top', { topOrigin: testOrigin }, 'wrong_origin'],
  ['a key of another domain', { rpId: 'app.example.com' }, 'invalid_response'],
  ['nobody present', { userPresent: false }, 'invalid_response'],
  ['nobody verified', { userVerified: false }, 'invalid_response'],
  ['a registration', { type: 'webauthn.create' }, 'invalid_response'],
  ['a payment', { type: 'payment.get' }, 'invalid_response'],
  ['the handle of another user', { userHandle: other.held.userHandle }, 'invalid_response'],
  ['an empty handle', { userHandle: '' }, 'invalid_response'],
  ['no handle', { userHandle: null }, 'invalid_response'],
  ['a key that was synced before', { isSynced: false }, 'invalid_response'],
  ['backed up, and cannot be', { isSynced: false, isBackedUp: true }, 'invalid_response'],
  ['the credential of another user', { credentialId: other.held.credentialId }, 'invalid_response'],
  ['an unknown credential', { credentialId: randomBytes(32).toString('base64url') }, 'unknown_passkey'],
  ['a credential of one byte', { credentialId: 'AA' }, 'unknown_passkey'],
  ['no signature', { signature: Buffer.alloc(1) }, 'invalid_response'],
  ['a signature of zeros', { signature: Buffer.from('3006020100020100', 'hex') }, 'invalid_response'],
  ['any signature', { signature: randomBytes(70) }, 'invalid_response'],
  ['no authenticator data', { authenticatorData: 'AA' }, 'invalid_response'],
  [
    'authenticator data that goes on',
    { authenticatorData: randomBytes(3000).toString('base64url') },
    'invalid_response',
  ],
  ['client data that is no JSON', { clientDataJSON: 'AAAA' }, 'invalid_response'],
  ['client data that is null', { clientDataJSON: encoded('null') }, 'invalid_response'],
  [
    'client data without a challenge',
    { clientDataJSON: encoded(`{"origin":"${testOrigin}"}`) },
    'invalid_response',
  ],
  ['client data without an origin', { clientDataJSON: encoded('{"challenge":"A"}') }, 'invalid_response'],
  ['no challenge of ours', { challenge: randomBytes(32).toString('base64url') }, 'invalid_challenge'],
  ['a short challenge', { challenge: 'AAAA' }, 'invalid_challenge'],
]

t.test('whatever is bent is refused alike, and told', async (t) => {
  const { held, userId } = await passkeyHolder(testApp)
  const before = await attemptsOf(testApp, 'passkey')
  for (const [what, bend, reason] of bends) {
    const options = await requestOptions(testApp)
    const answer = await verifySignIn(testApp, usePasskey(options, held, bend))
    t.match(answer, { status: 401, body: { code: 'invalid_credentials' } }, what)
    t.match(await lastEvent('login.failed'), { data: { reason, method: 'passkey', during: 'sign_in' } }, what)
    const again = await verifySignIn(testApp, usePasskey(options, held))
    const isNamed = reason !== 'invalid_challenge' && bend.clientDataJSON === undefined
    t.equal(again.status, isNamed ? 401 : 200, `${what}: a challenge that was named is used up`)
  }
  t.ok((await attemptsOf(testApp, 'passkey', before)).failure >= bends.length)
  const unnamed = bends.filter(
    ([, bend, reason]) => reason === 'invalid_challenge' || bend.clientDataJSON !== undefined,
  )
  t.equal(await sessionsOf(userId), 1 + unnamed.length, 'the good ones alone opened sessions')
  t.equal(await sessionsOf(other.userId), 1, 'and nobody else was signed in')
})

t.test('what is no such document at all is refused before anything is asked', async (t) => {
  const { held } = await passkeyHolder(testApp)
  const good = usePasskey(await requestOptions(testApp), held)
  const { response } = good
  for (const passkey of [
    { ...good, type: 'password' },
    { ...good, id: 'with spaces' },
    { ...good, rawId: 'A'.repeat(2000) },
    { ...good, response: { ...response, signature: 'A'.repeat(3000) } },
    { ...good, response: { ...response, clientDataJSON: 'A'.repeat(5000) } },
    { ...good, response: { ...response, authenticatorData: 7 } },
    { ...good, response: { ...response, userHandle: ['a'] } },
    { ...good, response: { ...response, signature: null } },
    { ...good, response: null },
    [],
  ])
    t.match(await verifySignIn(testApp, passkey), { status: 400, body: { code: 'validation_failed' } })
  t.match(
    await verifySignIn(testApp, { ...good, rawId: other.held.credentialId }),
    { status: 401 },
    'two names',
  )
  const extended = { ...usePasskey(await requestOptions(testApp), held), ofTomorrow: { a: 1 } }
  t.equal((await verifySignIn(testApp, extended)).status, 200, 'a browser of tomorrow may say more')
})

t.test('a challenge of one purpose is none for another, and none of somebody else', async (t) => {
  const holder = await passkeyHolder(testApp)
  const { held, session } = holder
  const token = session.accessToken
  const stepUp = (from: Session, passkey: object) =>
    api('POST', '/step-up', { token: from.accessToken, body: { passkey } })
  const refused = { status: 401, body: { code: 'mfa_code_invalid' } }

  const ofSession = await requestOptions(testApp, { token })
  t.match(ofSession.allowCredentials, [
    { id: held.credentialId, type: 'public-key', transports: ['internal', 'hybrid'] },
  ])
  t.equal((await verifySignIn(testApp, usePasskey(ofSession, held))).status, 401, 'step-up is no sign-in')
  t.match(
    await stepUp(session, usePasskey(await requestOptions(testApp), held)),
    refused,
    'a sign-in is no step-up',
  )
  const ofRegistration = await creationOptions(testApp, (await steppedUp(holder)).accessToken)
  const created = { ...ofSession, challenge: ofRegistration.challenge }
  t.equal(
    (await verifySignIn(testApp, usePasskey(created, held))).status,
    401,
    'a registration is no sign-in',
  )
  const elsewhere = await signIn(testApp, { email: holder.email })
  t.match(
    await stepUp(elsewhere, usePasskey(ofSession, held)),
    refused,
    'another session of the user is another',
  )
  t.match(await stepUp(other.session, usePasskey(ofSession, held)), refused, 'and so is somebody else')
  t.equal((await stepUp(session, usePasskey(ofSession, held))).status, 200, 'it was left for whom it is')
  t.match(await stepUp(session, usePasskey(ofSession, held)), refused, 'once')

  const ofOther = await requestOptions(testApp, { token: other.session.accessToken })
  t.match(await stepUp(other.session, usePasskey(ofOther, held)), refused, 'a foreign passkey')
  t.match((await eventsFor(testApp, other.userId, 'mfa.failed')).at(-1), {
    data: { reason: 'foreign_passkey', method: 'passkey', during: 'step_up' },
  })
})

/** The session of a holder, after a step-up by their passkey. */
async function steppedUp({ held, session }: PasskeyHolder): Promise<Session> {
  const token = session.accessToken
  const passkey = usePasskey(await requestOptions(testApp, { token }), held)
  return (await api('POST', '/step-up', { token, body: { passkey } })).body as unknown as Session
}

t.test('a challenge is over after five minutes, and is kept as a hash', async (t) => {
  const { held } = await passkeyHolder(testApp)
  const options = await requestOptions(testApp)
  const hash = createHash('sha256').update(options.challenge).digest()
  const { count } = await db`
    UPDATE passkey_challenges SET expires_at = expires_at - interval '300 seconds' WHERE challenge_hash = ${hash}`
  t.equal(count, 1)
  t.equal((await verifySignIn(testApp, usePasskey(options, held))).status, 401)
})

t.test('of twenty answers to one challenge at once one signs in', async (t) => {
  const { held, userId } = await passkeyHolder(testApp)
  const passkey = usePasskey(await requestOptions(testApp), held)
  const answers = await Promise.all(Array.from({ length: 20 }, () => verifySignIn(testApp, passkey)))
  t.equal(answers.filter(({ status }) => status === 200).length, 1)
  t.equal(answers.filter(({ status }) => status === 401).length, 19)
  t.equal(await sessionsOf(userId), 2, 'and the one that registered')
})

t.test('a copy of the key is noticed, ends all sessions and the passkey', async (t) => {
  const holder = await passkeyHolder(testApp, { isSynced: false, signCount: 10 })
  const { held, session, userId, passkeyId } = holder
  const copy = { ...held }
  t.equal((await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held))).status, 200)
  const thief = await verifySignIn(testApp, usePasskey(await requestOptions(testApp), copy))
  t.match(thief, { status: 401, body: { code: 'invalid_credentials' } })
  t.match(await eventsFor(testApp, userId, 'passkey.clone_suspected'), [
    { severity: 'critical', data: { passkeyId, during: 'sign_in' } },
  ])
  t.same(await isAlive(testApp, session), { access: false, refresh: false })
  t.equal(await sessionsOf(userId), 0)

  copy.signCount = 5000
  const higher = await verifySignIn(testApp, usePasskey(await requestOptions(testApp), copy))
  t.equal(higher.status, 401, 'it may count as high as it likes')
  t.match(await lastEvent('login.failed'), { userId, data: { reason: 'passkey_disabled' } })
  t.equal((await eventsFor(testApp, userId, 'passkey.clone_suspected')).length, 1)

  const back = await signIn(testApp, { email: holder.email })
  const list = await api('GET', '/passkeys', { token: back.accessToken })
  t.match(list.body, { passkeys: [{ id: passkeyId, disabledAt: /^20/ }] })
  t.equal((await requestOptions(testApp, { token: back.accessToken })).allowCredentials.length, 0)
  t.equal((await api('DELETE', `/passkeys/${passkeyId}`, { token: back.accessToken })).status, 204)
})

t.test('a counter that falls to zero is a copy, too', async (t) => {
  const { held, userId } = await passkeyHolder(testApp, { isSynced: false, signCount: 3 })
  t.equal(
    (await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held, { signCount: 0 }))).status,
    401,
  )
  t.equal((await eventsFor(testApp, userId, 'passkey.clone_suspected')).length, 1)
})

t.test('nobody is locked out by signatures, and no lockout keeps a passkey out', async (t) => {
  const { held, userId, email } = await passkeyHolder(testApp)
  await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held, { signature: randomBytes(70) }))
  t.match(await db`SELECT FROM guess_counters`, [], 'nothing is counted')
  await api('POST', '/login', { body: { email, password: 'a wrong one, for once' } })
  await db`UPDATE guess_counters SET open_at = now() + interval '1 hour'`
  t.equal((await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held))).status, 200)
  t.equal(await sessionsOf(userId), 2)
  await db`DELETE FROM guess_counters`
})

t.test('a disabled user, and one who was erased, are refused like everybody', async (t) => {
  const { held, userId } = await passkeyHolder(testApp)
  await db`UPDATE users SET disabled_at = now() WHERE id = ${userId}`
  t.match(await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held)), {
    status: 401,
    body: { code: 'invalid_credentials' },
  })
  t.match(await lastEvent('login.failed'), { userId, data: { reason: 'account_disabled' } })
  await db`DELETE FROM users WHERE id = ${userId}`
  t.equal((await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held))).status, 401)
})

t.test('a passkey is the second factor of a sign-in by password', async (t) => {
  const person = await enrolledPerson(testApp)
  const { held } = await addPasskey(testApp, person.session)
  const login = await api('POST', '/login', { body: { email: person.email, password, deviceName: 'Desk' } })
  t.match(login.body, { mfaRequired: true, methods: ['totp', 'passkey', 'recovery_code'] })
  const mfaToken = String(login.body['mfaToken'])
  const challenge = (passkey: object) => api('POST', '/2fa/challenge', { body: { mfaToken, passkey } })

  t.match(await api('POST', '/passkeys/login/options', { body: { mfaToken: `${mfaToken}x` } }), {
    status: 400,
    body: { code: 'one_time_token_invalid' },
  })
  const options = await requestOptions(testApp, { mfaToken })
  t.match(options.allowCredentials, [{ id: held.credentialId }])
  t.match(
    await challenge(usePasskey(await requestOptions(testApp), held)),
    { status: 401 },
    'of a sign-in without a name',
  )
  const later = await mfaTokenOf(testApp, person.email)
  t.match(
    await challenge(usePasskey(await requestOptions(testApp, { mfaToken: later }), held)),
    { status: 401, body: { code: 'mfa_code_invalid' } },
    'of another sign-in of the same user',
  )
  t.match(
    await challenge(usePasskey(await requestOptions(testApp, { mfaToken }), other.held)),
    { status: 401 },
    'foreign',
  )
  t.match(
    await api('POST', '/2fa/challenge', {
      body: { mfaToken, passkey: usePasskey(options, held), code: '123456' },
    }),
    {
      status: 400,
      body: { errors: [{ path: '/passkey' }] },
    },
  )
  const done = await challenge(usePasskey(options, held))
  t.equal(done.status, 200)
  t.match(claimsOf(done.body as unknown as Session), { aal: 2, amr: ['pwd', 'swk', 'user', 'mfa'] })
  t.match(await challenge(usePasskey(options, held)), {
    status: 400,
    body: { code: 'one_time_token_invalid' },
  })
  t.equal((await eventsFor(testApp, person.userId, 'mfa.failed')).length, 3)
})

t.test('twenty at once with one token, by two factors, open one session', async (t) => {
  const person = await enrolledPerson(testApp)
  const { held } = await addPasskey(testApp, person.session)
  const mfaToken = await mfaTokenOf(testApp, person.email)
  const code = await freshCode(testApp, person)
  const passkeys = await Promise.all(
    Array.from({ length: 10 }, async () => usePasskey(await requestOptions(testApp, { mfaToken }), held)),
  )
  const answers = await Promise.all([
    ...passkeys.map((passkey) => api('POST', '/2fa/challenge', { body: { mfaToken, passkey } })),
    ...Array.from({ length: 10 }, () => api('POST', '/2fa/challenge', { body: { mfaToken, code } })),
  ])
  t.equal(answers.filter(({ status }) => status === 200).length, 1)
  t.equal(answers.filter(({ status }) => status >= 500).length, 0)
})

t.test('a passkey makes the session fresh, where the password is not enough', async (t) => {
  const holder = await passkeyHolder(testApp)
  const aged = await agedSession(testApp, holder.session)
  const token = aged.accessToken
  const ask = (accessToken: string) => api('POST', '/passkeys/register/options', { token: accessToken })
  t.match(await ask(token), {
    status: 403,
    body: { code: 'step_up_required', methods: ['passkey', 'recovery_code'] },
  })
  t.match(await api('POST', '/step-up', { token, body: { password } }), { status: 403 })
  const passkey = usePasskey(await requestOptions(testApp, { token }), holder.held)
  t.match(await api('POST', '/step-up', { token, body: { passkey, password } }), { status: 400 })
  const raised = (await api('POST', '/step-up', { token, body: { passkey } })).body as unknown as Session
  t.match(claimsOf(raised), { aal: 2, amr: ['pwd', 'swk', 'user', 'mfa'] })
  t.equal((await ask(raised.accessToken)).status, 200)

  const fresh = await signIn(testApp, { email: holder.email })
  t.equal((await ask(fresh.accessToken)).status, 403, 'nor is a password of just now')
  const [recoveryCode] = holder.recoveryCodes
  const rescued = await api('POST', '/step-up', { token: fresh.accessToken, body: { recoveryCode } })
  t.equal(
    (await ask(String(rescued.body['accessToken']))).status,
    200,
    'a recovery code is, for who has lost it',
  )
})

t.test('who sets an app up beside a passkey is asked for either', async (t) => {
  const holder = await passkeyHolder(testApp)
  const raised = await steppedUp(holder)
  const app = await enrol(testApp, raised)
  t.match((await api('POST', '/login', { body: { email: holder.email, password } })).body, {
    methods: ['totp', 'passkey', 'recovery_code'],
  })
  const code = await freshCode(testApp, app)
  const disabled = await api('POST', '/2fa/disable', {
    token: app.session.accessToken,
    body: { password, code },
  })
  t.equal(disabled.status, 204)
  const left = await db`SELECT FROM recovery_codes WHERE user_id = ${holder.userId}`
  t.equal(left.length, 10, 'the codes stay for the passkey')
  t.not(codeNow(app.secret), '')
})
