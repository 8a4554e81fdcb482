// Accident: the answer is lost (crash, tunnel, sleeping phone) and the client asks again with the same key, minutes or days later.
import t from 'tap'
import {
  atHomeUpdated,
  letTimePass,
  outboxTypes,
  refresh,
  register,
  sameAgentElsewhere,
  storedSession,
  stranger,
  useAccessToken,
} from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const { app, db } = await createTestApp(t)

const hour = 3600

t.test('the key that rotated brings the same successor, however late and from wherever', async (t) => {
  const { refreshToken, sessionId } = await register(app)
  const lost = await refresh(app, refreshToken, { key: 'k1' })
  await letTimePass(db, sessionId, 100 * hour)
  const before = await storedSession(db, sessionId)
  const retried = await refresh(app, refreshToken, { key: 'k1', client: stranger })
  t.equal(retried.status, 200)
  t.equal(retried.body.refreshToken, lost.body.refreshToken)
  t.same(await storedSession(db, sessionId), before, 'a retry moves nothing')
})

t.test('a retry after the successor was used is superseded: no token, no alarm', async (t) => {
  const { refreshToken, sessionId } = await register(app)
  const first = await refresh(app, refreshToken, { key: 'k1' })
  t.equal((await useAccessToken(app, first.body.accessToken)).status, 200)
  await letTimePass(db, sessionId, hour)
  const duplicate = await refresh(app, refreshToken, { key: 'k1' })
  t.equal(duplicate.status, 409)
  t.equal(duplicate.body.code, 'refresh_superseded')
  t.notOk(duplicate.body.refreshToken)
  t.equal((await refresh(app, first.body.refreshToken, { key: 'k2' })).status, 200, 'the session lives on')
})

t.test('late duplicates of the last four rotations are superseded, of the fifth theft', async (t) => {
  const { refreshToken } = await register(app)
  const tokens = [refreshToken]
  for (let n = 0; n < 5; n += 1)
    tokens.push((await refresh(app, tokens[n]!, { key: `k${n}` })).body.refreshToken)
  for (const n of [3, 2, 1])
    t.equal((await refresh(app, tokens[n]!, { key: `k${n}` })).body.code, 'refresh_superseded', `token ${n}`)
  t.equal((await refresh(app, tokens[0]!, { key: 'k0' })).body.code, 'refresh_token_reused')
})

t.test('another key, or none, outside the grace window is theft', async (t) => {
  for (const key of ['k2', undefined]) {
    const { refreshToken, sessionId } = await register(app)
    await refresh(app, refreshToken, { key: 'k1' })
    await letTimePass(db, sessionId, 11)
    t.equal((await refresh(app, refreshToken, { key })).body.code, 'refresh_token_reused')
    t.same((await outboxTypes(db, sessionId)).at(-1), 'session.reuse_detected')
  }
})

t.test('without keys the same device recovers: agent for minutes, agent and network for a day', async (t) => {
  const cases = [
    { after: 290, client: sameAgentElsewhere, status: 200 },
    { after: 310, client: sameAgentElsewhere, status: 401 },
    { after: 23 * hour, client: atHomeUpdated, status: 200 },
    { after: 25 * hour, client: atHomeUpdated, status: 401 },
    { after: 12, client: stranger, status: 401 },
  ]
  for (const { after, client, status } of cases) {
    const { refreshToken, sessionId } = await register(app)
    const lost = await refresh(app, refreshToken)
    await letTimePass(db, sessionId, after)
    const answer = await refresh(app, refreshToken, { client })
    t.equal(answer.status, status, `after ${after} s`)
    if (status === 200) t.equal(answer.body.refreshToken, lost.body.refreshToken)
  }
})

t.test('without keys, once confirmed, only a duplicate within a minute is forgiven', async (t) => {
  for (const { after, code } of [
    { after: 50, code: 'refresh_superseded' },
    { after: 65, code: 'refresh_token_reused' },
  ]) {
    const { refreshToken, sessionId } = await register(app)
    const first = await refresh(app, refreshToken)
    await useAccessToken(app, first.body.accessToken)
    await letTimePass(db, sessionId, after)
    t.equal((await refresh(app, refreshToken)).body.code, code)
  }
})

t.test('an Idempotency-Key is 1 to 128 visible ASCII characters; empty counts as none', async (t) => {
  const { refreshToken, sessionId } = await register(app)
  for (const key of ['k'.repeat(129), 'with space', 'ümlaut', 'tab\tin']) {
    const answer = await refresh(app, refreshToken, { key })
    t.equal(answer.status, 400, key)
    t.equal(answer.body.code, 'validation_failed')
  }
  t.equal((await storedSession(db, sessionId)).generation, 1n)
  t.equal((await refresh(app, refreshToken, { key: '' })).status, 200)
  t.ok((await storedSession(db, sessionId)).retryKeys.equals(Buffer.alloc(32)))
  const next = await refresh(app, (await refresh(app, refreshToken)).body.refreshToken, {
    key: 'k'.repeat(128),
  })
  t.equal(next.status, 200)
})
