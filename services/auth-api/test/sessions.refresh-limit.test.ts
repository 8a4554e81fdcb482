// Attack: a client that went wild, or whoever holds a token, refreshes one session without end. Rotations are counted in the row that
// they write, so the limit is exact for all processes, with Redis and without; retries of what was answered are counted apart.
import t, { type Test } from 'tap'
import { waitFor } from '@latchkey/devstack/wait-for'
import {
  atHome,
  letTimePass,
  outboxTypes,
  refresh,
  register,
  storedSession,
} from './support/session-driver.js'
import { createTestApp, type TestApp } from './support/test-app.js'

const limitRefreshSession = { max: 3, windowSeconds: 900 }

for (const redis of ['with Redis', 'without Redis'] as const) {
  t.test(redis, async (t) => {
    const settings = { limitRefreshSession, ...(redis === 'without Redis' && { redisUrl: null }) }
    const here = await createTestApp(t, settings)
    const there = await createTestApp(
      t,
      { ...settings, authSecret: here.deps.config.authSecret },
      { database: here.database },
    )
    await limitsRotations(t, here, there)
  })
}

async function limitsRotations(t: Test, here: TestApp, there: TestApp): Promise<void> {
  const { db } = here

  /** Rotates until refused, by turns on both instances; answers the token that was refused. */
  async function exhaust(first: string, sessionId: string): Promise<string> {
    let token = first
    for (let n = 0; n < limitRefreshSession.max; n += 1) {
      const { status, body } = await refresh(n % 2 === 0 ? here.app : there.app, token)
      t.equal(status, 200)
      token = body.refreshToken
      await letTimePass(db, sessionId, 20)
    }
    return token
  }

  await t.test('so many rotations, on whichever instance, and the token stays good for later', async (t) => {
    const { refreshToken, sessionId } = await register(here.app)
    const token = await exhaust(refreshToken, sessionId)
    const before = await storedSession(db, sessionId)
    for (const { app } of [here, there]) {
      const refused = await refresh(app, token)
      t.match(refused, {
        status: 429,
        body: { code: 'rate_limited' },
        headers: { 'ratelimit-limit': '3', 'ratelimit-remaining': '0' },
      })
      const waitSeconds = Number(refused.headers['retry-after'])
      t.ok(waitSeconds > 800 && waitSeconds <= 840, `${waitSeconds} s`)
    }
    t.same(await storedSession(db, sessionId), before)
    await letTimePass(db, sessionId, 840)
    t.equal((await refresh(here.app, token)).status, 200, 'in the next window')
  })

  await t.test('parallel refreshes of one token count once', async (t) => {
    const { refreshToken, sessionId } = await register(here.app)
    const all = await Promise.all(Array.from({ length: 3 }, () => refresh(here.app, refreshToken)))
    t.same(
      all.map(({ status }) => status),
      [200, 200, 200],
    )
    let token = all[0]?.body.refreshToken ?? ''
    for (let n = 1; n < limitRefreshSession.max; n += 1) {
      await letTimePass(db, sessionId, 20)
      const next = await refresh(there.app, token)
      t.equal(next.status, 200)
      token = next.body.refreshToken
    }
    t.equal((await refresh(there.app, token)).status, 429)
  })

  await t.test('the next rotations cannot be had by asking for them all at once', async (t) => {
    const { refreshToken, sessionId } = await register(here.app)
    const token = await exhaust(refreshToken, sessionId)
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, n) => refresh(n % 2 === 0 ? here.app : there.app, token)),
    )
    t.ok(all.every(({ status }) => status === 429))
    t.equal((await storedSession(db, sessionId)).generation, 4n)
  })

  await t.test('what is answered without a rotation is counted too', async (t) => {
    const { refreshToken } = await register(here.app)
    const statuses: number[] = []
    for (let n = 0; n < 2 + limitRefreshSession.max; n += 1)
      statuses.push((await refresh(here.app, refreshToken)).status)
    t.same(statuses, [200, 200, 200, 200, 429], 'one rotation and three answers to repetitions')
  })
}

t.test('it is told once a window, and ends nothing', async (t) => {
  const { app, db } = await createTestApp(t, { limitRefreshSession, redisUrl: null })
  const { sessionId, ...opened } = await register(app)
  let token = opened.refreshToken
  for (let n = 0; n < limitRefreshSession.max; n += 1) token = (await refresh(app, token)).body.refreshToken
  const client = { ...atHome, ip: '203.0.113.77' }
  for (let n = 0; n < 3; n += 1) t.equal((await refresh(app, token, { client })).status, 429)

  const told = () => db<{ data: unknown }[]>`
    SELECT data FROM outbox WHERE type = 'rate_limit.exceeded' AND ip = ${client.ip}`
  await waitFor(async () => (await told()).length > 0, { what: 'the event', deadlineMs: 5000 })
  t.same(
    Array.from(await told(), ({ data }) => data),
    [{ limit: 'refreshSession' }],
  )
  t.notOk((await outboxTypes(db, sessionId)).includes('session.revoked'))
})
