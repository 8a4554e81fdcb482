// Attack: the last way in thrown away, a stranger's passkey that stays, and an enrolment that somebody else completes.
import {
  discardSecondFactors,
  discardSecondFactorsSince,
  resetSecondFactors,
} from '@latchkey/auth-api/features/mfa/reset-second-factors'
import { addPasskey as keepNewPasskey } from '@latchkey/auth-api/features/passkeys/add-passkey'
import type { Session } from '@latchkey/contracts/http/answers'
import type { PasskeyCreationOptions } from '@latchkey/contracts/http/passkeys'
import { newId } from '@latchkey/platform/crypto/identifiers'
import t from 'tap'
import { isAlive, newPerson, signIn, signUp } from './support/accounts.js'
import { claimsOf, eventsFor } from './support/authenticator.js'
import { enrolmentTokenOf, newTeacher } from './support/enrolments.js'
import {
  addPasskey,
  creationOptions,
  passkeyHolder,
  passkeySettings,
  requestOptions,
  verifySignIn,
} from './support/passkeys.js'
import { password } from './support/session-driver.js'
import { makePasskey, usePasskey } from './support/software-authenticator.js'
import { createTestApp } from './support/test-app.js'

const requireMfa = { admins: true, everyone: false, userTypes: ['teacher'] }
const testApp = await createTestApp(t, { ...passkeySettings, requireMfa })
const { api, db, deps } = testApp
const origin = { ip: '192.0.2.9', userAgent: 'Test/1', requestId: 'r', traceId: null }

const verify = ({ accessToken: token }: Session, passkey: object) =>
  api('POST', '/passkeys/register/verify', { token, body: { passkey } })

const rejected = { status: 400, body: { code: 'passkey_rejected' } }

async function countOf(table: 'passkeys' | 'recovery_codes', userId: string): Promise<number> {
  return (await db`SELECT FROM ${db(table)} WHERE user_id = ${userId}`).length
}

t.test('it is renamed by its owner alone', async (t) => {
  const { session, passkeyId } = await passkeyHolder(testApp)
  const stranger = await signUp(testApp, { email: newPerson().email })
  const rename = (by: Session, name: string) =>
    api('PATCH', `/passkeys/${passkeyId}`, { token: by.accessToken, body: { name } })
  t.equal((await rename(stranger, 'Mine')).status, 404)
  t.equal((await rename(session, 'two\nlines')).status, 400)
  t.equal((await rename(session, 'Work laptop')).status, 204)
  t.match((await api('GET', '/passkeys', { token: session.accessToken })).body, {
    passkeys: [{ name: 'Work laptop' }],
  })
})

t.test('it is removed by its owner alone, freshly authenticated, and opens nothing any more', async (t) => {
  const holder = await passkeyHolder(testApp)
  const { held, passkeyId, session, userId } = holder
  const remove = (by: Session) => api('DELETE', `/passkeys/${passkeyId}`, { token: by.accessToken })
  t.equal((await remove(await signUp(testApp, { email: newPerson().email }))).status, 404)
  t.match(
    await remove(await signIn(testApp, { email: holder.email })),
    { status: 403 },
    'a password is not enough',
  )
  const own = (await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held))).body
  t.equal((await remove(own as unknown as Session)).status, 204)
  t.match(await eventsFor(testApp, userId, 'passkey.removed'), [
    { data: { reason: 'user_removed', passkeyIds: [passkeyId] } },
  ])
  t.equal((await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held))).status, 401)
  t.same(await isAlive(testApp, session), { access: true, refresh: true })
  t.equal(await countOf('recovery_codes', userId), 0, 'there is nothing left that they stand in for')
  t.equal((await remove(own as unknown as Session)).status, 404)
})

t.test('the last way in stays, also when two are removed at once', async (t) => {
  const { held, session, userId } = await passkeyHolder(testApp)
  const own = (await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held)))
    .body as unknown as Session
  await addPasskey(testApp, own)
  await db`DELETE FROM credentials WHERE user_id = ${userId}`
  const passkeys = await db<{ id: string }[]>`SELECT id FROM passkeys WHERE user_id = ${userId}`
  const answers = await Promise.all(
    passkeys.map(({ id }) => api('DELETE', `/passkeys/${id}`, { token: own.accessToken })),
  )
  t.same(
    answers.map(({ status }) => status).toSorted((one, other) => one - other),
    [204, 409],
  )
  t.match(answers.find(({ status }) => status === 409)?.body, { code: 'last_way_in' })
  t.equal(await countOf('passkeys', userId), 1)
  t.same(await isAlive(testApp, session), { access: true, refresh: true })
})

t.test('who must have a second factor gets in by making a passkey, and keeps it', async (t) => {
  const teacher = await newTeacher(testApp)
  const { mfaToken, userId, email } = teacher
  const begin = (body: object) => api('POST', '/passkeys/enrolment/options', { body })
  t.match(await begin({ mfaToken: `${mfaToken}x` }), {
    status: 400,
    body: { code: 'one_time_token_invalid' },
  })
  const options = (await begin({ mfaToken })).body as unknown as PasskeyCreationOptions
  const { attestation, held } = makePasskey(options)
  const finish = (token: string, passkey: object) =>
    api('POST', '/passkeys/enrolment/verify', { body: { mfaToken: token, passkey } })
  const other = await enrolmentTokenOf(testApp, teacher)
  t.match(await finish(other, attestation), rejected, 'of another sign-in')
  const stranger = await signUp(testApp, { email: newPerson().email })
  t.match(await verify(stranger, attestation), rejected)
  const done = await finish(mfaToken, attestation)
  t.equal(done.status, 200)
  t.equal((done.body['recoveryCodes'] as string[]).length, 10)
  const session = done.body as unknown as Session
  t.match(claimsOf(session), { aal: 2, amr: ['pwd', 'swk', 'user', 'mfa'] })
  t.match(await finish(mfaToken, attestation), { status: 400, body: { code: 'one_time_token_invalid' } })
  t.match((await begin({ mfaToken: other })).status, 400, 'what was begun before is over')

  const next = await api('POST', '/login', { body: { email, password } })
  t.match(next.body, { mfaRequired: true, methods: ['passkey', 'recovery_code'] })
  const waiting = String(next.body['mfaToken'])
  const passkey = usePasskey(await requestOptions(testApp, { mfaToken: waiting }), held)
  t.equal((await api('POST', '/2fa/challenge', { body: { mfaToken: waiting, passkey } })).status, 200)
  const [row] = await db<{ id: string }[]>`SELECT id FROM passkeys WHERE user_id = ${userId}`
  t.match(await api('DELETE', `/passkeys/${row?.id}`, { token: session.accessToken }), {
    status: 403,
    body: { code: 'mfa_required' },
  })
})

t.test('nobody gets in by a credential that somebody else has made', async (t) => {
  const { held } = await passkeyHolder(testApp)
  const { mfaToken, userId } = await newTeacher(testApp)
  const begun = await api('POST', '/passkeys/enrolment/options', { body: { mfaToken } })
  const bend = { credentialId: held.credentialId }
  const { attestation } = makePasskey(begun.body as unknown as PasskeyCreationOptions, bend)
  t.match(
    await api('POST', '/passkeys/enrolment/verify', { body: { mfaToken, passkey: attestation } }),
    rejected,
  )
  t.match(await eventsFor(testApp, userId, 'mfa.failed'), [{ data: { reason: 'known_credential' } }])
  t.equal(
    (await api('POST', '/passkeys/enrolment/options', { body: { mfaToken } })).status,
    200,
    'the token stays',
  )
})

t.test('a session that has ended while its answer is looked at adds nothing', async (t) => {
  const { accessToken, sessionId, user } = await signUp(testApp, { email: newPerson().email })
  const { attestation } = makePasskey(await creationOptions(testApp, accessToken))
  await db`UPDATE sessions SET revoked_at = now(), revoke_reason = 'logout' WHERE id = ${sessionId}`
  const boundTo = Buffer.from(sessionId.replaceAll('-', ''), 'hex')
  const registration = { userId: user.id, sessionId, boundTo, passkey: attestation, origin }
  await t.rejects(keepNewPasskey(deps, registration), { code: 'session_revoked' })
  t.equal(await countOf('passkeys', user.id), 0)
})

t.test('an admin takes all factors away, and tells of the passkeys once', async (t) => {
  const holder = await passkeyHolder(testApp)
  const { userId } = holder
  const own = (await verifySignIn(testApp, usePasskey(await requestOptions(testApp), holder.held))).body
  await addPasskey(testApp, own as unknown as Session)
  const reset = { userId, actorId: newId(), sessionId: newId(), origin }
  const ended = await deps.sql.begin((sql) => resetSecondFactors(sql, reset))
  t.equal(ended?.length, 2)
  t.same([await countOf('passkeys', userId), await countOf('recovery_codes', userId)], [0, 0])
  const told = await eventsFor(testApp, userId, 'passkey.removed')
  t.equal(told.length, 1)
  t.match(told, [{ data: { reason: 'admin_reset', passkeyIds: { length: 2 } } }])
  t.equal(await deps.sql.begin((sql) => resetSecondFactors(sql, reset)), null, 'there is none any more')
})

t.test('an owner who proves the address finds no passkey of a stranger', async (t) => {
  const { held, userId } = await passkeyHolder(testApp)
  await deps.sql.begin((sql) => discardSecondFactors(sql, { userId, origin }))
  t.equal((await verifySignIn(testApp, usePasskey(await requestOptions(testApp), held))).status, 401)
  t.match(await eventsFor(testApp, userId, 'passkey.removed'), [{ data: { reason: 'address_proven' } }])
})

t.test('who undoes a change of address loses no passkey of before, and every one of since', async (t) => {
  const holder = await passkeyHolder(testApp)
  const { userId } = holder
  const own = (await verifySignIn(testApp, usePasskey(await requestOptions(testApp), holder.held))).body
  await db`UPDATE passkeys SET created_at = created_at - interval '1 day' WHERE user_id = ${userId}`
  await db`UPDATE recovery_codes SET created_at = created_at - interval '1 day' WHERE user_id = ${userId}`
  const [now] = await db<{ at: string }[]>`SELECT now()::text AS at`
  const { held: thiefs } = await addPasskey(testApp, own as unknown as Session)
  await deps.sql.begin((sql) => discardSecondFactorsSince(sql, { userId, since: now?.at ?? '', origin }))
  t.equal((await verifySignIn(testApp, usePasskey(await requestOptions(testApp), thiefs))).status, 401)
  t.equal((await verifySignIn(testApp, usePasskey(await requestOptions(testApp), holder.held))).status, 200)
  t.equal(await countOf('recovery_codes', userId), 10)
})
