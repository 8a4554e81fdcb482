// Attack: what one instance refuses is tried at another. Accident: a client's requests land on both.
// Alone: it starts servers and processes of its own.
import { randomBytes } from 'node:crypto'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import t from 'tap'
import { startApiProcess } from './support/api-process.js'
import { logOutOver, postOver, refreshOver, registerOver, statusOf } from './support/over-http.js'
import { newEmail, storedSession } from './support/session-driver.js'

t.test('two instances behave as one', async (t) => {
  t.setTimeout(120_000)
  const { url, owner } = await createTestDatabase(t)
  const env = {
    DATABASE_URL: url,
    REDIS_KEY_PREFIX: redisPrefix(t),
    AUTH_SECRET: randomBytes(32).toString('hex'),
  }
  const [one, two] = await Promise.all([startApiProcess(t, env), startApiProcess(t, env)])

  await t.test('200 refreshes of one token at both: all succeed, one successor', async (t) => {
    const { refreshToken, sessionId } = await registerOver(one.url, newEmail())
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => refreshOver(n % 2 === 0 ? one.url : two.url, refreshToken)),
    )
    t.same([...new Set(answers.map(({ status }) => status))], [200])
    t.equal(new Set(answers.map(({ body }) => body.refreshToken)).size, 1)
    t.equal((await storedSession(owner, sessionId)).generation, 2n)
  })

  await t.test(
    'a revocation answered by one is in force at the other, for every way of revoking',
    async (t) => {
      const ways = {
        logout: (token: string) => logOutOver(one.url, token),
        'logout-all': (token: string) =>
          postOver(one.url, '/logout-all', { headers: { authorization: `Bearer ${token}` } }),
      }
      for (const [name, revoke] of Object.entries(ways)) {
        for (let round = 0; round < 20; round += 1) {
          const { accessToken } = await registerOver(two.url, newEmail())
          t.equal(await statusOf(two.url, accessToken), 200)
          t.ok((await revoke(accessToken)).status < 300)
          t.equal(await statusOf(two.url, accessToken), 401, name)
        }
      }
    },
  )

  await t.test('reuse noticed by one ends the session at the other', async (t) => {
    const first = await registerOver(one.url, newEmail())
    const second = await refreshOver(one.url, first.refreshToken, 'owner')
    const third = await refreshOver(two.url, second.body.refreshToken, 'owner-again')
    t.equal(await statusOf(one.url, third.body.accessToken), 200)
    t.equal((await refreshOver(two.url, first.refreshToken, 'thief')).body.code, 'refresh_token_reused')
    t.equal(await statusOf(one.url, third.body.accessToken), 401)
    t.equal((await refreshOver(one.url, third.body.refreshToken)).body.code, 'refresh_token_invalid')
  })

  await t.test('a generation confirmed at one is confirmed at the other', async (t) => {
    const first = await registerOver(one.url, newEmail())
    const second = await refreshOver(one.url, first.refreshToken, 'k1')
    t.equal(await statusOf(one.url, second.body.accessToken), 200)
    await owner`UPDATE sessions SET rotated_at = rotated_at - interval '1 hour' WHERE id = ${first.sessionId}`
    t.equal((await refreshOver(two.url, first.refreshToken, 'k1')).body.code, 'refresh_superseded')
  })
})
