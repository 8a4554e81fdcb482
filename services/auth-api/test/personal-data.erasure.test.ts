// Attacks: erasing an account without its password, a session that outlives its user, a person whose data do, an installation without admin.
import type { Session } from '@latchkey/contracts/http/answers'
import { eraseUser, finishErasure } from '@latchkey/auth-api/features/personal-data/erase-user'
import { actAsAdmin } from '@latchkey/auth-api/features/admin/acting-admin'
import t from 'tap'
import {
  anotherPassword,
  countRows,
  eventsOf,
  isAlive,
  newPerson,
  signIn,
  signUp,
} from './support/accounts.js'
import { newOperator, type Operator } from './support/admins.js'
import { enrol, freshCode, wrongCode } from './support/authenticator.js'
import { password } from './support/session-driver.js'
import { createTestApp, type ApiAnswer } from './support/test-app.js'

const app = await createTestApp(t, { hashConcurrency: 4, lockoutAfter: 1000 })
const { api, db, deps } = app

const origin = { ip: '192.0.2.9', userAgent: 'Test/1', requestId: 'erase-1', traceId: null }

const erase = ({ accessToken }: Session, body: object = { password }): Promise<ApiAnswer> =>
  api('DELETE', '/me', { token: accessToken, body, ip: origin.ip, headers: { 'x-request-id': 'erase-1' } })

const eraseAsAdmin = async ({ session, userId }: Operator, target: string): Promise<void> => {
  const admin = { userId, sessionId: session.sessionId, origin }
  const ended = await actAsAdmin(deps, admin, async (sql) => {
    const result = await eraseUser(sql, deps, { userId: target, sessionId: admin.sessionId, origin })
    return { act: null, result }
  })
  if (ended !== null) await finishErasure(deps, target, ended)
}

const isGone = async (userId: string): Promise<boolean> => {
  const rows = await db`SELECT FROM users WHERE id = ${userId}`
  return rows.length === 0
}

t.test('an account that is deleted is gone at once, and its address is free', async (t) => {
  const { email, username } = newPerson()
  const session = await signUp(app, { email, username })
  const phone = await signIn(app, { email, deviceName: 'Phone' })
  const before = (await eventsOf(app)).length

  const answer = await erase(session)
  t.match(answer, { status: 204, body: {} })
  const dead = { access: false, refresh: false }
  t.same([await isAlive(app, session), await isAlive(app, phone)], [dead, dead])
  t.match(await api('GET', '/me', { token: phone.accessToken }), {
    status: 401,
    body: { code: 'session_revoked' },
  })
  t.equal((await api('POST', '/login', { body: { email, password } })).status, 401)
  t.match(await erase(session), { status: 401, body: { code: 'session_revoked' } })

  const about = { userId: session.user.id, ip: origin.ip, requestId: 'erase-1' }
  const events = (await eventsOf(app)).slice(before)
  t.match(
    events.filter(({ type }) => type === 'session.revoked').map(({ sessionId }) => sessionId),
    new Set([session.sessionId, phone.sessionId]),
  )
  t.match(
    events.filter(({ type }) => type === 'user.deleted'),
    [{ severity: 'warning', sessionId: session.sessionId, data: { mailTo: email }, ...about }],
  )
  const again = await signUp(app, { email, username })
  t.not(again.user.id, session.user.id)
})

t.test('what is left of the sessions keeps their tokens out, and tells of nobody', async (t) => {
  const { email } = newPerson()
  const session = await signUp(app, { email })
  await signIn(app, { email, deviceName: 'Phone' })
  await db`UPDATE sessions SET idle_expires_at = now() - interval '1 hour' WHERE device_name = 'Phone'`
  const ids = await db<{ id: string }[]>`SELECT id FROM sessions WHERE user_id = ${session.user.id}`
  await erase(session)
  t.same(
    await db`
      SELECT DISTINCT revoke_reason,
        num_nonnulls(user_id, ip, user_agent, device_name, device_fingerprint, rotated_by) AS facts
      FROM sessions WHERE id = ANY (${ids.map(({ id }) => id)}::uuid[])`,
    [{ revokeReason: 'user_deleted', facts: 0 }],
  )
  // As a Redis that has lost its data is filled again.
  const { redis, config } = deps
  await redis.client.del(`${config.redisKeyPrefix}revoked:${session.sessionId}`)
  await redis.client.del(`${config.redisKeyPrefix}revocations:epoch`)
  const other = await createTestApp(
    t,
    { redisKeyPrefix: config.redisKeyPrefix, authSecret: config.authSecret },
    { database: app.database },
  )
  t.match(await other.api('GET', '/me', { token: session.accessToken }), { status: 401 })
})

t.test('an erasure that is refused erases nothing', async (t) => {
  const session = await signUp(app, { email: newPerson().email })
  const before = await countRows(app)
  const eventsBefore = (await eventsOf(app)).length
  const refusals: [body: object, code: string][] = [
    [{ password: 'not the phrase of anyone' }, 'invalid_credentials'],
    [{ password: '' }, 'validation_failed'],
    [{ password: 'x'.repeat(129) }, 'validation_failed'],
    [{ password: null }, 'validation_failed'],
    [{}, 'validation_failed'],
    [{ password, userId: session.user.id }, 'validation_failed'],
  ]
  for (const [body, code] of refusals)
    t.equal((await erase(session, body)).body['code'], code, JSON.stringify(body))
  t.equal((await api('DELETE', '/me', { body: { password } })).body['code'], 'token_missing')
  t.same(await countRows(app), before)
  t.match((await eventsOf(app)).slice(eventsBefore), [
    {
      type: 'login.failed',
      userId: session.user.id,
      data: { reason: 'wrong_password', during: 'account_deletion' },
    },
  ])
  t.same(await isAlive(app, session), { access: true, refresh: true })

  await db`DELETE FROM credentials WHERE user_id = ${session.user.id}`
  t.match(await erase(session), { status: 401, body: { code: 'invalid_credentials' } }, 'without a password')
  await db`UPDATE users SET disabled_at = now() WHERE id = ${session.user.id}`
  t.match(await erase(session), { status: 401, body: { code: 'session_revoked' } }, 'disabled')
  t.notOk(await isGone(session.user.id))
})

t.test('whoever has a second factor gives it, too', async (t) => {
  const { email } = newPerson()
  const factor = await enrol(app, await signUp(app, { email }))
  const { session, secret, recoveryCodes } = factor
  const [recoveryCode = ''] = recoveryCodes
  const refusals: [body: object, code: string][] = [
    [{ password }, 'validation_failed'],
    [{ password, code: wrongCode(secret) }, 'mfa_code_invalid'],
    [{ password, recoveryCode: 'not one of them' }, 'mfa_code_invalid'],
    [{ password: 'not the phrase of anyone', recoveryCode }, 'invalid_credentials'],
  ]
  for (const [body, code] of refusals)
    t.equal((await erase(session, body)).body['code'], code, JSON.stringify(body))
  t.notOk(await isGone(session.user.id))
  t.equal((await erase(session, { password, code: await freshCode(app, factor) })).status, 204)
  t.ok(await isGone(session.user.id))

  const other = await enrol(app, await signUp(app, { email }))
  t.equal((await erase(other.session, { password, recoveryCode: other.recoveryCodes[0] })).status, 204)
})

t.test('a second factor that is enrolled while the password is looked at is asked for', async (t) => {
  const session = await signUp(app, { email: newPerson().email })
  await t.rejects(
    db.begin(async (sql) => {
      await sql`UPDATE users SET mfa_enabled = true WHERE id = ${session.user.id}`
      const [row] =
        await sql`SELECT erase_own_account(${session.sessionId}, false, NULL, NULL, NULL) AS ended`
      t.same(row, { ended: null })
      const [other] =
        await sql`SELECT erase_own_account(${session.sessionId}, true, NULL, NULL, NULL) AS ended`
      t.same(other, { ended: [session.sessionId] })
      throw new Error('undone')
    }),
    { message: 'undone' },
  )
})

t.test('the cookies of a session go with its user', async (t) => {
  const inCookies = await createTestApp(t, { useCookieSessions: true }, { database: app.database })
  const person = { email: newPerson().email, password }
  const headers = { 'x-session-mode': 'cookie', origin: inCookies.deps.config.publicUrl }
  const registered = await inCookies.api('POST', '/register', { body: person, headers })
  const cookies = [registered.headers['set-cookie']]
    .flat()
    .map((cookie) => String(cookie).split(';', 1)[0] ?? '')
  const csrf = cookies.find((cookie) => cookie.includes('lk_csrf='))?.split('=')[1] ?? ''
  const answer = await inCookies.api('DELETE', '/me', {
    body: { password },
    headers: { cookie: cookies.join('; '), 'x-csrf-token': csrf, origin: inCookies.deps.config.publicUrl },
  })
  t.equal(answer.status, 204)
  t.equal(answer.headers['clear-site-data'], '"cache", "storage"')
  t.match(String(answer.headers['set-cookie']), /lk_at=;.*Max-Age=0/)
})

t.test('an admin erases others: unless they are no admin, or it is themselves', async (t) => {
  const admin = await newOperator(app)
  const person = await signUp(app, { email: newPerson().email })
  const someone = await signUp(app, { email: newPerson().email })
  const before = (await eventsOf(app)).length
  await eraseAsAdmin(admin, person.user.id)
  t.ok(await isGone(person.user.id))
  t.same(await isAlive(app, person), { access: false, refresh: false })
  const told =
    await db`SELECT user_id, actor_id FROM outbox WHERE type = 'user.deleted' AND user_id = ${person.user.id}`
  t.same(told, [{ userId: person.user.id, actorId: admin.userId }])
  t.match((await eventsOf(app)).slice(before), [{ type: 'session.revoked' }, { type: 'user.deleted' }])

  await t.resolves(eraseAsAdmin(admin, person.user.id), 'nobody any more')
  await t.rejects(eraseAsAdmin(admin, admin.userId), { code: 'LK002' })
  const impostor = { ...admin, session: someone, userId: someone.user.id }
  await t.rejects(eraseAsAdmin(impostor, admin.userId), { code: 'LK001' })
  t.notOk(await isGone(admin.userId))
})

t.test('the last admin stays, whoever else leaves at the same time', async (t) => {
  await db`UPDATE users SET roles = '{user}'`
  const admins = [await newOperator(app), await newOperator(app), await newOperator(app)]
  await db`DELETE FROM guess_counters`
  const answers = await Promise.all(admins.map(({ session }) => erase(session)))
  t.same(answers.filter(({ status }) => status === 204).length, 2)
  const last = admins[answers.findIndex(({ status }) => status === 409)]
  if (last === undefined) throw new Error('nobody is left')
  t.match(await erase(last.session), { status: 409, body: { code: 'last_admin' } })
  t.same(await isAlive(app, last.session), { access: true, refresh: true })
  t.same(await db`SELECT FROM guess_counters`, [], 'a right password is no guess')
})

t.test('of two erasures at once one erases, and the other finds nobody', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const { email } = newPerson()
    const one = await signUp(app, { email })
    const two = await signIn(app, { email })
    const admin = await newOperator(app)
    const [first, second] = await Promise.all([erase(one), erase(two), eraseAsAdmin(admin, one.user.id)])
    for (const { status } of [first, second]) t.ok(status === 204 || status === 401, `${status}`)
    t.ok(await isGone(one.user.id))
    const told = await db`SELECT FROM outbox WHERE type = 'user.deleted' AND user_id = ${one.user.id}`
    t.equal(told.length, 1)
  }
})

t.test('whatever is under way with an account that is erased, nothing of it lives on', async (t) => {
  let inTime = 0
  for (let round = 0; round < 8; round += 1) {
    const { email } = newPerson()
    const session = await signUp(app, { email })
    const { accessToken: token, refreshToken } = session
    const others = [
      ...Array.from({ length: 4 }, () => api('POST', '/login', { body: { email, password } })),
      ...Array.from({ length: 4 }, () => api('POST', '/refresh', { body: { refreshToken } })),
      api('PATCH', '/me', { token, body: { name: 'Somebody' } }),
      api('POST', '/forgot-password', { body: { email } }),
      api('POST', '/change-password', {
        token,
        body: { currentPassword: password, newPassword: anotherPassword },
      }),
    ]
    // Now before, now between, now after them.
    if (round % 3 === 1) await Promise.race(others)
    if (round % 3 === 2) await Promise.all(others.slice(0, 5))
    const answer = await erase(session)
    const answers = await Promise.all(others)
    for (const { status, body } of [answer, ...answers]) t.not(status, 500, JSON.stringify(body))
    if (answer.status !== 204) {
      // The password was changed first, and ended nothing but other sessions.
      t.match(answer, { status: 401 })
      t.equal((await erase(session, { password: anotherPassword })).status, 204)
    }
    t.ok(await isGone(session.user.id))
    for (const { status, body } of answers) {
      if (status !== 200 || body['refreshToken'] === undefined) continue
      inTime += 1
      t.same(await isAlive(app, body as unknown as Session), { access: false, refresh: false })
    }
    for (const table of ['sessions', 'credentials', 'one_time_tokens', 'known_devices', 'mails'])
      t.same(await db`SELECT FROM ${db(table)} WHERE user_id = ${session.user.id}`, [], table)
  }
  t.ok(inTime > 0, `${inTime} sessions were in time to be ended`)
})

t.test('an erasure goes through when a sign-in renews the hash under it', async (t) => {
  const { email } = newPerson()
  const session = await signUp(app, { email })
  const strong = await createTestApp(t, { argon2Time: 3, hashConcurrency: 4 }, { database: app.database })
  const [answer] = await Promise.all([
    erase(session),
    strong.api('POST', '/login', { body: { email, password } }),
    strong.api('POST', '/login', { body: { email, password } }),
  ])
  t.equal(answer.status, 204)
  t.ok(await isGone(session.user.id))
})
