// Accident: two tabs refresh at once, a radio delivers late. Attack: a replay loop that tries to keep the window open.
import t from 'tap'
import {
  atHome,
  letTimePass,
  listSessions,
  outboxTypes,
  refresh,
  register,
  storedSession,
  stranger,
} from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const { app, db } = await createTestApp(t)

t.test('within the grace window the parent brings the very same successor, from anywhere', async (t) => {
  const { refreshToken, sessionId } = await register(app)
  const first = await refresh(app, refreshToken)
  t.equal(first.status, 200)
  await letTimePass(db, sessionId, 8)
  const before = await storedSession(db, sessionId)
  for (const client of [atHome, stranger]) {
    const again = await refresh(app, refreshToken, { client })
    t.equal(again.status, 200)
    t.equal(again.body.refreshToken, first.body.refreshToken)
  }
  t.same(await storedSession(db, sessionId), before, 'nothing moved')
})

t.test('a replay loop does not slide the window', async (t) => {
  const { refreshToken, sessionId } = await register(app)
  await refresh(app, refreshToken, { key: 'owner' })
  for (let seconds = 0; seconds < 9; seconds += 3) {
    t.equal((await refresh(app, refreshToken, { key: 'thief' })).status, 200)
    await letTimePass(db, sessionId, 3)
  }
  await letTimePass(db, sessionId, 2)
  const late = await refresh(app, refreshToken, { key: 'thief' })
  t.equal(late.body.code, 'refresh_token_reused')
})

t.test('a grandparent inside the window is theft', async (t) => {
  const { refreshToken: grandparent, sessionId } = await register(app)
  const parent = (await refresh(app, grandparent)).body.refreshToken
  await refresh(app, parent)
  const answer = await refresh(app, grandparent)
  t.equal(answer.status, 401)
  t.equal(answer.body.code, 'refresh_token_reused')
  t.equal((await storedSession(db, sessionId)).revokeReason, 'reuse')
})

t.test('just outside the window another device is a thief', async (t) => {
  const { refreshToken, sessionId, accessToken } = await register(app)
  await refresh(app, refreshToken)
  await letTimePass(db, sessionId, 11)
  const answer = await refresh(app, refreshToken, { client: stranger })
  t.equal(answer.status, 401)
  t.equal(answer.body.code, 'refresh_token_reused')
  t.same((await outboxTypes(db, sessionId)).at(-1), 'session.reuse_detected')
  t.equal(
    (await listSessions(app, accessToken)).body.code,
    'session_revoked',
    'its access tokens are refused at once',
  )
})

t.test('the successor of a token presented twice works on', async (t) => {
  const { refreshToken } = await register(app)
  const [one, two] = await Promise.all([refresh(app, refreshToken), refresh(app, refreshToken)])
  t.equal(one.body.refreshToken, two.body.refreshToken)
  t.equal((await refresh(app, one.body.refreshToken)).status, 200)
})
