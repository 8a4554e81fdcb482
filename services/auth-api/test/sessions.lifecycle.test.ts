// Attack: ending or reading a session that isn't one's own; keeping one past its time; learning which ids exist.
import { randomUUID } from 'node:crypto'
import t from 'tap'
import {
  endSession,
  letTimePass,
  listSessions,
  logIn,
  logOut,
  logOutByRefreshToken,
  logOutEverywhere,
  newEmail,
  outboxTypes,
  refresh,
  register,
  storedSession,
  stranger,
  useAccessToken,
} from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const { app, db } = await createTestApp(t)

const day = 86_400

t.test('a second sign-in shows as a second device', async (t) => {
  const email = newEmail()
  const first = await register(app, email)
  const second = (await logIn(app, email, stranger)).body
  const { sessions } = (await listSessions(app, second.accessToken)).body
  t.same(
    sessions.map(({ id, isCurrent }) => ({ id, isCurrent })),
    [
      { id: second.sessionId, isCurrent: true },
      { id: first.sessionId, isCurrent: false },
    ],
  )
  const [shown] = sessions
  t.match(shown, { deviceName: 'Firefox on Linux', userAgent: stranger.userAgent, ipAddress: stranger.ip })
  t.same(Object.keys(shown!).toSorted(), [
    'createdAt',
    'deviceName',
    'expiresAt',
    'id',
    'ipAddress',
    'isCurrent',
    'lastUsedAt',
    'userAgent',
  ])
})

t.test('a session answer says what it is', async (t) => {
  const opened = await register(app)
  t.equal(opened.token, opened.accessToken)
  t.match(opened, { tokenType: 'Bearer', expiresIn: 900 })
  t.ok(opened.refreshExpiresIn > 7 * day - 5 && opened.refreshExpiresIn <= 7 * day)
})

t.test('idle and absolute expiry end a session; neither slides past the other', async (t) => {
  const idle = await register(app)
  await letTimePass(db, idle.sessionId, 7 * day + 1)
  t.equal((await refresh(app, idle.refreshToken)).body.code, 'refresh_token_invalid')

  const kept = await register(app)
  let { refreshToken } = kept
  for (let days = 0; days < 30; days += 6) {
    const answer = await refresh(app, refreshToken)
    t.equal(answer.status, 200)
    t.ok(answer.body.refreshExpiresIn <= (30 - days) * day, 'never told to live longer than it may')
    refreshToken = answer.body.refreshToken
    await letTimePass(db, kept.sessionId, 6 * day)
  }
  t.equal((await refresh(app, refreshToken)).body.code, 'refresh_token_invalid')
  t.equal((await storedSession(db, kept.sessionId)).revokedAt, null, 'expired, not revoked')
})

t.test('a session that was deleted is dead, not an error', async (t) => {
  const { refreshToken, sessionId } = await register(app)
  await db`DELETE FROM sessions WHERE id = ${sessionId}`
  t.equal((await refresh(app, refreshToken)).body.code, 'refresh_token_invalid')
  t.equal((await logOutByRefreshToken(app, refreshToken)).status, 204)
})

t.test('the last access token does not outlive its session', async (t) => {
  const opened = await register(app)
  let { refreshToken } = opened
  for (let n = 0; n < 5; n += 1) {
    await letTimePass(db, opened.sessionId, 6 * day - (n === 4 ? 60 : 0))
    const answer = await refresh(app, refreshToken)
    refreshToken = answer.body.refreshToken
    if (n === 4) t.ok(answer.body.expiresIn <= 60 && answer.body.expiresIn > 30, `${answer.body.expiresIn} s`)
  }
})

t.test('signing out ends this session and no other', async (t) => {
  const email = newEmail()
  const stays = await register(app, email)
  const goes = (await logIn(app, email)).body
  t.equal((await logOut(app, goes.accessToken)).status, 204)
  t.equal((await useAccessToken(app, goes.accessToken)).body.code, 'session_revoked')
  t.equal((await logOut(app, goes.accessToken)).status, 401, 'a dead session cannot authenticate')
  t.equal((await useAccessToken(app, stays.accessToken)).status, 200)
  t.equal((await outboxTypes(db, goes.sessionId)).filter((type) => type === 'session.revoked').length, 1)
})

t.test('a refresh token of any generation signs out; twice is fine; a forged one is not', async (t) => {
  const { refreshToken, sessionId } = await register(app)
  const next = (await refresh(app, refreshToken)).body
  t.equal((await logOutByRefreshToken(app, refreshToken)).status, 204)
  t.equal((await refresh(app, next.refreshToken)).status, 401)
  t.equal((await useAccessToken(app, next.accessToken)).status, 401)
  t.equal((await logOutByRefreshToken(app, next.refreshToken)).status, 204)
  t.equal((await outboxTypes(db, sessionId)).filter((type) => type === 'session.revoked').length, 1)
  t.equal(
    (await logOutByRefreshToken(app, refreshToken.slice(0, -1) + (refreshToken.endsWith('A') ? 'B' : 'A')))
      .body.code,
    'refresh_token_invalid',
  )
})

t.test('without any token there is nothing to sign out of', async (t) => {
  const answer = await app.inject({ method: 'POST', url: '/api/v1/auth/logout' })
  t.equal(answer.statusCode, 401)
  t.match(answer.json(), { code: 'token_missing' })
})

t.test('signing out everywhere ends all, this one included, and says how many', async (t) => {
  const email = newEmail()
  const opened = [await register(app, email), (await logIn(app, email)).body, (await logIn(app, email)).body]
  const bystander = await register(app)
  const answer = await logOutEverywhere(app, opened[1]!.accessToken)
  t.same(answer.body, { revoked: 3 })
  for (const { accessToken, refreshToken, sessionId } of opened) {
    t.equal((await useAccessToken(app, accessToken)).body.code, 'session_revoked')
    t.equal((await refresh(app, refreshToken)).status, 401)
    t.equal((await outboxTypes(db, sessionId)).filter((type) => type === 'session.revoked').length, 1)
  }
  t.equal((await useAccessToken(app, bystander.accessToken)).status, 200)
})

t.test('ending one session: unknown, ended and someone else’s are not found alike', async (t) => {
  const email = newEmail()
  const mine = await register(app, email)
  const phone = (await logIn(app, email)).body
  const other = await register(app)
  t.equal((await endSession(app, mine.accessToken, phone.sessionId)).status, 204)
  t.equal((await useAccessToken(app, phone.accessToken)).status, 401)
  const refused = await Promise.all(
    [phone.sessionId, other.sessionId, randomUUID()].map((id) => endSession(app, mine.accessToken, id)),
  )
  for (const { status, body } of refused)
    t.match({ status, body }, { status: 404, body: { code: 'not_found' } })
  const bodies = refused.map(({ body }) => JSON.stringify({ ...body, errorId: '' }))
  t.equal(new Set(bodies).size, 1)
  t.equal((await useAccessToken(app, other.accessToken)).status, 200)
})
