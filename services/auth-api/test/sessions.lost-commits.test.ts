// Fault: the database comes back older than the tokens that it gave out (asynchronous commit, failover, restore).
import t from 'tap'
import type { Sql } from '@latchkey/platform/database/client'
import {
  letTimePass,
  outboxTypes,
  refresh,
  register,
  storedSession,
  type StoredSession,
  useAccessToken,
} from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

/** Puts the row back to what it was, as a crash that lost the commits since would. */
async function lose(db: Sql, sessionId: string, row: StoredSession): Promise<void> {
  await db`
    UPDATE sessions SET generation = ${row.generation}, retry_keys = ${row.retryKeys}, rotated_by = ${row.rotatedBy},
      rotated_at = ${row.rotatedAt}
    WHERE id = ${sessionId}`
}

const { app, db } = await createTestApp(t)

t.test('a token ahead of the row rotates from where it stands, and is told of', async (t) => {
  const { refreshToken, sessionId } = await register(app)
  const old = await storedSession(db, sessionId)
  let held = refreshToken
  for (let n = 0; n < 4; n += 1) held = (await refresh(app, held)).body.refreshToken
  await lose(db, sessionId, old)
  const answer = await refresh(app, held, { key: 'k5' })
  t.equal(answer.status, 200)
  t.equal((await storedSession(db, sessionId)).generation, 6n)
  t.same((await outboxTypes(db, sessionId)).at(-1), 'session.generation_recovered')
  t.equal((await useAccessToken(app, answer.body.accessToken)).status, 200)
  t.equal((await refresh(app, answer.body.refreshToken)).status, 200)
})

t.test('twenty at once bring one successor and one event', async (t) => {
  const { refreshToken, sessionId } = await register(app)
  const old = await storedSession(db, sessionId)
  const held = (await refresh(app, refreshToken)).body.refreshToken
  await lose(db, sessionId, old)
  const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(app, held, { key: 'k' })))
  t.same([...new Set(answers.map(({ status }) => status))], [200])
  t.equal(new Set(answers.map(({ body }) => body.refreshToken)).size, 1)
  const told = (await outboxTypes(db, sessionId)).filter((type) => type === 'session.generation_recovered')
  t.equal(told.length, 1)
})

t.test(
  'the recovered generation counts as unconfirmed, though its number was confirmed before the loss',
  async (t) => {
    const { refreshToken, sessionId } = await register(app)
    const old = await storedSession(db, sessionId)
    const second = (await refresh(app, refreshToken)).body
    const third = (await refresh(app, second.refreshToken)).body
    t.equal((await useAccessToken(app, third.accessToken)).status, 200)
    await lose(db, sessionId, old)
    const recovered = await refresh(app, second.refreshToken, { key: 'lost' })
    t.equal(recovered.status, 200)
    await letTimePass(db, sessionId, 3600)
    const retried = await refresh(app, second.refreshToken, { key: 'lost' })
    t.equal(retried.status, 200, 'the answer was lost and is given again')
    t.equal(retried.body.refreshToken, recovered.body.refreshToken)
  },
)

t.test('an ended session stays ended, however far ahead the token is', async (t) => {
  const { refreshToken, sessionId } = await register(app)
  const held = (await refresh(app, refreshToken)).body.refreshToken
  await db`UPDATE sessions SET generation = 1, revoked_at = now(), revoke_reason = 'logout' WHERE id = ${sessionId}`
  t.equal((await refresh(app, held)).body.code, 'refresh_token_invalid')
  t.equal((await storedSession(db, sessionId)).generation, 1n)
})
