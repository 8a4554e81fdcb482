// Attack: a second factor that was given elsewhere, to somebody else or twice, and a copy of a key.
import type { Session } from '@latchkey/contracts/http/answers'
import t from 'tap'
import { eventsOf, isAlive, signIn } from './support/accounts.js'
import {
  agedSession,
  claimsOf,
  enrol,
  enrolledPerson,
  eventsFor,
  freshCode,
  mfaTokenOf,
} from './support/authenticator.js'
import {
  addPasskey,
  passkeyHolder,
  passkeySettings,
  requestOptions,
  steppedUp,
  verifySignIn,
} from './support/passkeys.js'
import { password } from './support/session-driver.js'
import { usePasskey } from './support/software-authenticator.js'
import { createTestApp } from './support/test-app.js'

const testApp = await createTestApp(t, passkeySettings)
const { api, db } = testApp
const other = await passkeyHolder(testApp)

async function lastEvent(type: string) {
  return (await eventsOf(testApp)).findLast((event) => event.type === type)
}

const sessionsOf = async (userId: string): Promise<number> =>
  (await db`SELECT FROM sessions WHERE user_id = ${userId} AND revoked_at IS NULL`).length

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
  const raised = await steppedUp(testApp, holder)
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
})
