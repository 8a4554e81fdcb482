// Attack: someone has copied a refresh token and takes turns with its owner. It must be noticed, and end that device alone.
import t from 'tap'
import {
  atHome,
  letTimePass,
  listSessions,
  logIn,
  newEmail,
  outboxTypes,
  refresh,
  register,
  sameAgentElsewhere,
  storedSession,
  stranger,
} from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const { app, db } = await createTestApp(t)

const quarter = 15 * 60

t.test('with keys a thief is noticed at the first turn, whoever comes first', async (t) => {
  for (const order of ['thief first', 'owner first']) {
    const { refreshToken, sessionId } = await register(app)
    const [one, two] = order === 'thief first' ? ['thief', 'owner'] : ['owner', 'thief']
    t.equal((await refresh(app, refreshToken, { key: one })).status, 200)
    await letTimePass(db, sessionId, quarter)
    t.equal((await refresh(app, refreshToken, { key: two })).body.code, 'refresh_token_reused', order)
    t.same((await outboxTypes(db, sessionId)).at(-1), 'session.reuse_detected')
  }
})

t.test('without keys a thief on another device or network is noticed at the first turn', async (t) => {
  for (const thief of [stranger, sameAgentElsewhere]) {
    const { refreshToken, sessionId } = await register(app)
    t.equal((await refresh(app, refreshToken, { client: thief })).status, 200)
    await letTimePass(db, sessionId, quarter)
    t.equal((await refresh(app, refreshToken, { client: atHome })).body.code, 'refresh_token_reused')
  }
})

t.test('without keys and from the same place, at the first turn that is two behind', async (t) => {
  const { refreshToken: stolen, sessionId } = await register(app)
  const owners = (await refresh(app, stolen)).body.refreshToken
  await letTimePass(db, sessionId, quarter)
  t.equal((await refresh(app, stolen)).body.refreshToken, owners, 'not yet to be told from a lost answer')
  await refresh(app, owners)
  await letTimePass(db, sessionId, quarter)
  t.equal((await refresh(app, stolen)).body.code, 'refresh_token_reused')
})

t.test('the other devices of the user stay signed in', async (t) => {
  const email = newEmail()
  const stolen = await register(app, email)
  const laptop = (await logIn(app, email)).body
  await refresh(app, stolen.refreshToken, { key: 'thief' })
  await letTimePass(db, stolen.sessionId, quarter)
  t.equal((await refresh(app, stolen.refreshToken, { key: 'owner' })).status, 401)
  const list = await listSessions(app, laptop.accessToken)
  t.same(
    list.body.sessions.map(({ id }) => id),
    [laptop.sessionId],
  )
  t.equal((await refresh(app, laptop.refreshToken)).status, 200)
})

t.test('many presentations at once end the session once, with one event', async (t) => {
  const { refreshToken, sessionId } = await register(app)
  await refresh(app, refreshToken, { key: 'owner' })
  await letTimePass(db, sessionId, quarter)
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => refresh(app, refreshToken, { key: 'thief' })),
  )
  const reused = answers.filter(({ body }) => body.code === 'refresh_token_reused')
  const dead = answers.filter(({ body }) => body.code === 'refresh_token_invalid')
  t.equal(reused.length, 1)
  t.equal(dead.length, 19)
  t.equal((await outboxTypes(db, sessionId)).filter((type) => type === 'session.reuse_detected').length, 1)
  t.equal((await storedSession(db, sessionId)).revokeReason, 'reuse')
})
