// Attack: a passkey of one's own on somebody else's account, an answer that was made elsewhere, and the last way in thrown away.
import { randomBytes } from 'node:crypto'
import type { Session } from '@latchkey/contracts/http/answers'
import type { PasskeyCreationOptions } from '@latchkey/contracts/http/passkeys'
import t from 'tap'
import { eventsOf, isAlive, newPerson, signIn, signUp } from './support/accounts.js'
import { agedSession, enrolledPerson, eventsFor } from './support/authenticator.js'
import {
  addPasskey,
  creationOptions,
  passkeyHolder,
  passkeySettings,
  requestOptions,
  steppedUp,
  verifySignIn,
} from './support/passkeys.js'
import { letTimePass } from './support/session-driver.js'
import {
  coseOf,
  encode,
  makePasskey,
  testOrigin,
  usePasskey,
  type Bend,
  type Cbor,
} from './support/software-authenticator.js'
import { createTestApp } from './support/test-app.js'

const testApp = await createTestApp(t, passkeySettings)
const { api, db } = testApp

const verify = ({ accessToken: token }: Session, passkey: object, name?: string) =>
  api('POST', '/passkeys/register/verify', { token, body: { passkey, ...(name !== undefined && { name }) } })

const rejected = { status: 400, body: { code: 'passkey_rejected' } }

async function countOf(table: 'passkeys' | 'recovery_codes', userId: string): Promise<number> {
  return (await db`SELECT FROM ${db(table)} WHERE user_id = ${userId}`).length
}

t.test('a passkey is made, named after the browser, and comes with recovery codes', async (t) => {
  const { email } = newPerson()
  const session = await signUp(testApp, { email, name: 'Grace Hopper' })
  const token = session.accessToken
  const options = await creationOptions(testApp, token)
  t.match(options, {
    rp: { id: 'example.com', name: 'Example' },
    user: { name: email, displayName: 'Grace Hopper' },
    attestation: 'none',
    authenticatorSelection: {
      residentKey: 'required',
      requireResidentKey: true,
      userVerification: 'required',
    },
    excludeCredentials: [],
  })
  t.same(
    options.pubKeyCredParams.map(({ alg }) => alg),
    [-7, -8, -257],
  )
  t.notMatch(Buffer.from(options.user.id, 'base64url').toString('latin1'), email)

  const { attestation, held } = makePasskey(options)
  const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' }
  const added = await api('POST', '/passkeys/register/verify', {
    token,
    headers,
    body: { passkey: attestation },
  })
  t.match(added, {
    status: 201,
    body: { passkey: { name: 'Firefox on Linux', isSynced: true, lastUsedAt: null } },
  })
  t.equal((added.body['recoveryCodes'] as string[]).length, 10)
  const userId = session.user.id
  t.match(await eventsFor(testApp, userId, 'passkey.added'), [
    { severity: 'notice', sessionId: session.sessionId, data: { name: 'Firefox on Linux' } },
  ])
  const [row] = await db`SELECT transports FROM passkeys WHERE user_id = ${userId}`
  t.same(row, { transports: ['internal', 'hybrid'] }, 'what nobody knows is dropped')
  t.same(await isAlive(testApp, session), { access: true, refresh: true })

  const second = await requestOptions(testApp, { token })
  const passkey = usePasskey(second, held)
  const raised = (await api('POST', '/step-up', { token, body: { passkey } })).body as unknown as Session
  const again = await creationOptions(testApp, raised.accessToken)
  t.match(again.excludeCredentials, [{ id: held.credentialId }], 'an authenticator makes no second one')
  t.equal(again.user.id, options.user.id)
  const another = await verify(raised, makePasskey(again).attestation, 'Key in the safe')
  t.match(another.body, { passkey: { name: 'Key in the safe' }, recoveryCodes: null })

  const list = await api('GET', '/passkeys', { token })
  t.match(list.body, { passkeys: [{ name: 'Key in the safe' }, { name: 'Firefox on Linux' }] })
  t.match((await api('GET', '/2fa', { token })).body, { totp: null, passkeys: 2, recoveryCodesLeft: 10 })
  const history = (await api('GET', '/me/export', { token: raised.accessToken })).body
  t.match(history['passkeys'], [
    { name: 'Key in the safe', isBackedUp: true },
    { credentialId: held.credentialId },
  ])
})

t.test('it is not asked for, nor taken, without fresh authentication', async (t) => {
  const session = await signUp(testApp, { email: newPerson().email })
  const aged = await agedSession(testApp, session)
  const token = aged.accessToken
  t.match(await api('POST', '/passkeys/register/options', { token }), {
    status: 403,
    body: { code: 'step_up_required', methods: ['password'] },
  })
  const begun = await creationOptions(
    testApp,
    (await signIn(testApp, { email: session.user.email })).accessToken,
  )
  t.match(await verify(aged, makePasskey(begun).attestation), rejected, 'of another session of the user')
  t.match(await verify(session, makePasskey(begun).attestation), rejected)
  t.equal((await api('POST', '/passkeys/register/options')).status, 401)
  t.equal(await countOf('passkeys', session.user.id), 0)
})

t.test('a slow hand is waited for: what was begun fresh is taken while the challenge lives', async (t) => {
  const session = await signUp(testApp, { email: newPerson().email })
  const options = await creationOptions(testApp, session.accessToken)
  await letTimePass(db, session.sessionId, 301)
  t.equal((await verify(session, makePasskey(options).attestation)).status, 201)
})

const authDataOf = (held: Buffer): Bend => ({ attestationObject: held.toString('base64url') })
const es256 = (x: Buffer, y: Buffer): Cbor =>
  coseOf('ES256', { x: x.toString('base64url'), y: y.toString('base64url') })
const key = (...entries: [number, Cbor][]): Cbor => new Map<Cbor, Cbor>(entries)
const bends: [what: string, bend: Bend, reason: string][] = [
  ['another site', { origin: 'https://evil.test' }, 'wrong_origin'],
  ['a frame', { crossOrigin: true }, 'wrong_origin'],
  ['another domain', { rpId: 'evil.test' }, 'invalid_response'],
  ['a sign-in', { type: 'webauthn.get' }, 'invalid_response'],
  ['nobody present', { userPresent: false }, 'invalid_response'],
  ['nobody verified', { userVerified: false }, 'invalid_response'],
  ['no challenge of ours', { challenge: randomBytes(32).toString('base64url') }, 'invalid_challenge'],
  [
    'no algorithm',
    { cose: key([1, 2], [-1, 1], [-2, randomBytes(32)], [-3, randomBytes(32)]) },
    'invalid_response',
  ],
  ['algorithm none', { cose: key([1, 2], [3, 0]) }, 'invalid_response'],
  ['an algorithm that was not asked for', { cose: key([1, 2], [3, -36], [-1, 3]) }, 'invalid_response'],
  ['a symmetric key', { cose: key([1, 4], [3, 5], [-1, randomBytes(32)]) }, 'invalid_response'],
  ['a key that is a number', { cose: 7 }, 'invalid_response'],
  [
    'a huge key',
    { cose: key([1, 3], [3, -257], [-1, randomBytes(4000)], [-2, randomBytes(3)]) },
    'invalid_response',
  ],
  ['backed up, and cannot be', { isSynced: false, isBackedUp: true }, 'invalid_response'],
  ['a credential without a name', { credentialId: '' }, 'validation'],
  ['no CBOR', authDataOf(randomBytes(200)), 'invalid_response'],
  ['CBOR that ends early', authDataOf(Buffer.from('a363666d74', 'hex')), 'invalid_response'],
  ['CBOR of endless depth', authDataOf(Buffer.alloc(12_000, 0x81)), 'invalid_response'],
  ['CBOR of a huge length', authDataOf(Buffer.from('bbffffffffffffffff', 'hex')), 'invalid_response'],
  ['an empty map', authDataOf(encode(new Map())), 'invalid_response'],
  ['a statement where there is none', { statement: new Map([['sig', randomBytes(8)]]) }, 'invalid_response'],
  ['an unknown format', { format: 'mine' }, 'invalid_response'],
  [
    'a signature by itself that is none',
    {
      format: 'packed',
      statement: new Map<Cbor, Cbor>([
        ['alg', -7],
        ['sig', randomBytes(70)],
      ]),
    },
    'invalid_response',
  ],
]

t.test('whatever is bent is refused alike, leaves nothing, and is told', async (t) => {
  const session = await signUp(testApp, { email: newPerson().email })
  for (const [what, bend, reason] of bends) {
    const options = await creationOptions(testApp, session.accessToken)
    const answer = await verify(session, makePasskey(options, bend).attestation)
    if (reason === 'validation') {
      t.match(answer, { status: 400, body: { code: 'validation_failed' } }, what)
      continue
    }
    t.match(answer, rejected, what)
    const told = await eventsFor(testApp, session.user.id, 'mfa.failed')
    t.match(told.at(-1), { data: { reason, method: 'passkey', during: 'passkey_registration' } }, what)
    const spent = await verify(session, makePasskey(options).attestation)
    t.equal(
      spent.status,
      reason === 'invalid_challenge' ? 201 : 400,
      `${what}: what becomes of the challenge`,
    )
    await db`DELETE FROM passkeys WHERE user_id = ${session.user.id}`
  }
  t.equal(await countOf('passkeys', session.user.id), 0)
})

t.test('a key that is none never signs anybody in', async (t) => {
  const holder = await passkeyHolder(testApp, { cose: es256(randomBytes(32), randomBytes(32)) })
  const answer = await verifySignIn(testApp, usePasskey(await requestOptions(testApp), holder.held))
  t.equal(answer.status, 401)
})

t.test(
  'a key may vouch for itself, and no certificate for it, which would have us ask whoever it names',
  async (t) => {
    const session = await signUp(testApp, { email: newPerson().email })
    const certified = makePasskey(await creationOptions(testApp, session.accessToken), {
      attestedBy: 'certificate',
    })
    t.match(await verify(session, certified.attestation), rejected)
    const { held } = await addPasskey(testApp, session, { attestedBy: 'itself' })
    t.equal((await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held))).status, 200)
  },
)

t.test(
  'a challenge of a registration is none for a step-up of the same session, and the other way round',
  async (t) => {
    const holder = await passkeyHolder(testApp)
    const { accessToken: token } = await steppedUp(testApp, holder)
    const created = await creationOptions(testApp, token)
    const asked = await requestOptions(testApp, { token })
    const passkey = usePasskey({ ...asked, challenge: created.challenge }, holder.held)
    t.equal((await api('POST', '/step-up', { token, body: { passkey } })).status, 401)
    const swapped = makePasskey({ ...created, challenge: asked.challenge }).attestation
    t.match(await api('POST', '/passkeys/register/verify', { token, body: { passkey: swapped } }), rejected)
    const own = await api('POST', '/passkeys/register/verify', {
      token,
      body: { passkey: makePasskey(created).attestation },
    })
    t.equal(own.status, 201, 'it was left for what it is')
  },
)

t.test('a credential that somebody has is nobody else’s, and twice nobody’s own', async (t) => {
  const { held, session: first } = await passkeyHolder(testApp)
  const thief = await signUp(testApp, { email: newPerson().email })
  const options = await creationOptions(testApp, thief.accessToken)
  t.match(
    await verify(thief, makePasskey(options, { credentialId: held.credentialId }).attestation),
    rejected,
  )
  t.match((await eventsFor(testApp, thief.user.id, 'mfa.failed')).at(-1), {
    data: { reason: 'known_credential' },
  })
  t.equal(await countOf('recovery_codes', thief.user.id), 0)
  const owner = await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held))
  t.match(owner, { status: 200, body: { user: { id: first.user.id } } })
})

t.test('of twenty answers to one challenge at once one is kept', async (t) => {
  const session = await signUp(testApp, { email: newPerson().email })
  const options = await creationOptions(testApp, session.accessToken)
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => verify(session, makePasskey(options).attestation)),
  )
  t.equal(answers.filter(({ status }) => status === 201).length, 1)
  t.equal(await countOf('passkeys', session.user.id), 1)
  t.equal(await countOf('recovery_codes', session.user.id), 10)
})

t.test('twenty is the most, also when they come at once', async (t) => {
  const session = await signUp(testApp, { email: newPerson().email })
  const userId = session.user.id
  const challenges: PasskeyCreationOptions[] = []
  for (let count = 0; count < 4; count += 1)
    challenges.push(await creationOptions(testApp, session.accessToken))
  await db`
    INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, is_synced, is_backed_up, transports, name)
    SELECT gen_random_uuid(), ${userId}, uuid_send(gen_random_uuid()), 'key', 0, false, false, '{}', 'Key' FROM generate_series(1, 18)`
  const answers = await Promise.all(
    challenges.map((options) => verify(session, makePasskey(options).attestation)),
  )
  t.same(
    answers.map(({ status }) => status).toSorted((one, other) => one - other),
    [201, 201, 409, 409],
  )
  t.equal(await countOf('passkeys', userId), 20)
  await db`UPDATE sessions SET aal = 2, amr = '{pwd,otp,mfa}' WHERE user_id = ${userId}`
  const { body } = await api('POST', '/refresh', { body: { refreshToken: session.refreshToken } })
  t.match(await api('POST', '/passkeys/register/options', { token: String(body['accessToken']) }), {
    status: 409,
    body: { code: 'too_many_passkeys' },
  })
})

t.test('nothing of a challenge or a key is told in any event', async (t) => {
  const told = JSON.stringify(await eventsOf(testApp))
  t.notMatch(told, /publicKey|public_key|challengeHash|clientData/)
  t.notMatch(told, testOrigin)
  const person = await enrolledPerson(testApp)
  const { attestation } = makePasskey(await creationOptions(testApp, person.session.accessToken))
  t.equal((await verify(person.session, attestation)).status, 201)
})
