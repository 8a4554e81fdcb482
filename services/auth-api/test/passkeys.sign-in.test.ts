// Attack: a signature that was made for somebody else, for something else, elsewhere, before, twice, or by a copy of the key.
import { createHash, randomBytes } from 'node:crypto'
import { signInByPasskey } from '@latchkey/auth-api/features/passkeys/sign-in-by-passkey'
import type { Session } from '@latchkey/contracts/http/answers'
import t from 'tap'
import { attemptsOf, eventsOf, signIn } from './support/accounts.js'
import { claimsOf, enrolledPerson, eventsFor } from './support/authenticator.js'
import {
  addPasskey,
  creationOptions,
  passkeyHolder,
  passkeySettings,
  requestOptions,
  steppedUp,
  verifySignIn,
} from './support/passkeys.js'
import { usePasskey, testOrigin, type Bend } from './support/software-authenticator.js'
import { createTestApp } from './support/test-app.js'

const testApp = await createTestApp(t, passkeySettings)
const { api, db, deps } = testApp

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
  const ofRegistration = await creationOptions(testApp, (await steppedUp(testApp, holder)).accessToken)
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

t.test(
  'who has not proven the address is refused where that is asked for, once the passkey was right',
  async (t) => {
    const { held, userId } = await passkeyHolder(testApp)
    const strict = { ...deps, config: { ...deps.config, requireEmailVerification: true } }
    const origin = { ip: '192.0.2.9', userAgent: null, requestId: 'r', traceId: null }
    const passkey = usePasskey(await requestOptions(testApp), held)
    await t.rejects(signInByPasskey(strict, { passkey }, origin), { code: 'invalid_credentials' })
    t.match(await lastEvent('login.failed'), { userId, data: { reason: 'address_unproven' } })
    await db`UPDATE users SET email_verified_at = now() WHERE id = ${userId}`
    const again = usePasskey(await requestOptions(testApp), held)
    t.match(await signInByPasskey(strict, { passkey: again }, origin), { kind: 'session' })
  },
)

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
