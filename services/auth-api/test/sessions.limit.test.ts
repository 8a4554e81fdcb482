// Attack: sign-ins that pile up sessions nobody looks at, also many at once. Accident: years of forgotten browsers.
import t from 'tap'
import {
  letTimePass,
  listSessions,
  logIn,
  newEmail,
  outboxTypes,
  refresh,
  register,
  storedSession,
  useAccessToken,
} from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const { app, db, deps, database } = await createTestApp(t, { maxSessionsPerUser: 3, hashConcurrency: 4 })
const other = await createTestApp(t, { ...deps.config, hashConcurrency: 4 }, { database })

const liveOf = async (userId: string) =>
  (await db<{ id: string }[]>`SELECT id FROM sessions WHERE user_id = ${userId} AND revoked_at IS NULL`).map(
    ({ id }) => id,
  )

t.test('a sign-in beyond the limit ends the least recently used session, on every instance', async (t) => {
  const email = newEmail()
  const first = await register(app, email)
  const second = (await logIn(app, email)).body
  const third = (await logIn(app, email)).body
  await letTimePass(db, second.sessionId, 60)
  t.equal((await useAccessToken(other.app, second.accessToken)).status, 200, 'known there as live')
  // Older, and used since: the second has not been.
  await letTimePass(db, first.sessionId, 3600)
  t.equal((await refresh(app, first.refreshToken)).status, 200)

  const fourth = (await logIn(app, email)).body
  const { sessions } = (await listSessions(app, fourth.accessToken)).body
  t.same(
    new Set(sessions.map(({ id }) => id)),
    new Set([first, third, fourth].map(({ sessionId }) => sessionId)),
  )
  t.equal((await useAccessToken(other.app, second.accessToken)).body.code, 'session_revoked')
  t.equal((await refresh(app, second.refreshToken)).body.code, 'refresh_token_invalid')
  t.equal((await storedSession(db, second.sessionId)).revokeReason, 'session_limit')
  const told = await db`
    SELECT type, severity, user_id, actor_id, data FROM outbox WHERE session_id = ${second.sessionId} AND type = 'session.revoked'`
  t.same(Array.from(told), [
    {
      type: 'session.revoked',
      severity: 'info',
      userId: first.user.id,
      actorId: first.user.id,
      data: { reason: 'session_limit' },
    },
  ])
})

t.test('sessions that have ended by themselves count for nothing', async (t) => {
  const email = newEmail()
  const expired = await register(app, email)
  await letTimePass(db, expired.sessionId, 8 * 86_400)
  const others = [
    (await logIn(app, email)).body,
    (await logIn(app, email)).body,
    (await logIn(app, email)).body,
  ]
  t.equal((await storedSession(db, expired.sessionId)).revokedAt, null)
  for (const { accessToken } of others) t.equal((await useAccessToken(app, accessToken)).status, 200)
})

t.test('a limit that was lowered ends all that are too many', async (t) => {
  const email = newEmail()
  const { user } = await register(app, email)
  await logIn(app, email)
  await logIn(app, email)
  const lower = await createTestApp(t, { ...deps.config, maxSessionsPerUser: 1 }, { database })
  const last = (await logIn(lower.app, email)).body
  t.same(await liveOf(user.id), [last.sessionId])
  t.equal((await useAccessToken(app, last.accessToken)).status, 200)
})

t.test('sign-ins at once, on two instances, never leave more sessions than the limit', async (t) => {
  for (let round = 0; round < 6; round += 1) {
    const email = newEmail()
    const { user } = await register(app, email)
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => logIn(index % 2 === 0 ? app : other.app, email)),
    )
    t.ok(answers.every(({ status }) => status === 200))
    const live = await liveOf(user.id)
    t.equal(live.length, 3)
    for (const { body } of answers) {
      const ended = (await outboxTypes(db, body.sessionId)).filter((type) => type === 'session.revoked')
      t.equal(ended.length, live.includes(body.sessionId) ? 0 : 1)
      const { status } = await useAccessToken(app, body.accessToken)
      t.equal(status, live.includes(body.sessionId) ? 200 : 401)
    }
  }
})

t.test('a sign-in and a refresh of the session that it ends: no live successor', async (t) => {
  for (let round = 0; round < 10; round += 1) {
    const email = newEmail()
    const oldest = await register(app, email)
    await logIn(app, email)
    await logIn(app, email)
    const [refreshed] = await Promise.all([refresh(other.app, oldest.refreshToken), logIn(app, email)])
    const { revokedAt } = await storedSession(db, oldest.sessionId)
    t.equal((await liveOf(oldest.user.id)).length, 3)
    if (refreshed.status !== 200 || revokedAt === null) continue
    t.equal((await refresh(app, refreshed.body.refreshToken)).status, 401)
    t.equal((await useAccessToken(app, refreshed.body.accessToken)).status, 401)
  }
})

t.test('a sign-in that is refused ends nothing', async (t) => {
  const email = newEmail()
  const { user } = await register(app, email)
  await logIn(app, email)
  await logIn(app, email)
  t.equal((await logIn(app, email, undefined, 'not the phrase of anyone')).status, 401)
  await db`UPDATE users SET disabled_at = now() WHERE id = ${user.id}`
  t.equal((await logIn(app, email)).status, 401)
  t.equal((await liveOf(user.id)).length, 3)
})
