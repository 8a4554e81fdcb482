// Attack: reading passwords from logs, events, queues, metrics or answers, also from those of failures.
import { createLogger } from '@latchkey/platform/logging/logger'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { loadConfig } from '@latchkey/platform/config/config'
import t from 'tap'
import { buildApp } from '@latchkey/auth-api/app'
import { closeDeps, createDeps } from '@latchkey/auth-api/deps'
import { sharedRedisUrl, testEnv } from './support/test-env.js'

const canary = 'canary.in-the_mine'
const newCanary = 'canary.out-of_the-mine'
const secrets = [canary, newCanary, 'argon2id']

t.test('no password and no hash leaves the way from the request to the credential', async (t) => {
  const database = await createTestDatabase(t)
  const config = loadConfig(
    testEnv({
      DATABASE_URL: database.url,
      REDIS_URL: sharedRedisUrl(),
      REDIS_KEY_PREFIX: redisPrefix(t),
      LOG_LEVEL: 'trace',
    }),
  )
  const seen: string[] = []
  const log = createLogger(config, 'auth-api', { write: (line) => void seen.push(line) })
  const deps = await createDeps(config, { log })
  t.teardown(() => closeDeps(deps))
  const app = await buildApp(deps)
  t.teardown(() => app.close())

  const send = async (path: string, body: object, token?: string) => {
    const answer = await app.inject({
      method: 'POST',
      url: `/api/v1/auth${path}`,
      payload: body,
      ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
    })
    seen.push(answer.body, JSON.stringify(answer.headers))
    return answer
  }
  const email = 'alice@example.com'
  const wrong = { email, password: `${canary}!` }
  const change = { currentPassword: canary, newPassword: newCanary }

  t.equal((await send('/register', { email, password: canary, name: 'x'.repeat(300) })).statusCode, 400)
  t.equal((await send('/register', { email: 'canary@example.com', password: 'canary' })).statusCode, 400)
  const registered = await send('/register', { email, password: canary })
  t.equal(registered.statusCode, 201)
  t.equal((await send('/register', { email, password: canary })).statusCode, 409)
  t.equal((await send('/login', wrong)).statusCode, 401)
  t.equal(
    (await send('/login', { username: canary, password: canary })).statusCode,
    401,
    'typed into the wrong field',
  )
  t.equal((await send('/login', { email, password: canary })).statusCode, 200)
  const { accessToken } = registered.json<{ accessToken: string }>()
  t.equal(
    (await send('/change-password', { ...change, currentPassword: newCanary }, accessToken)).statusCode,
    400,
  )
  t.equal((await send('/change-password', change, accessToken)).statusCode, 204)

  const jobs = await deps.eventQueue.getJobs()
  t.ok(jobs.length >= 2)
  seen.push(JSON.stringify(jobs), await deps.metrics.registry.metrics())
  seen.push(JSON.stringify(await database.owner`SELECT to_jsonb(outbox) FROM outbox`))
  seen.push(
    JSON.stringify(await database.owner`SELECT to_jsonb(users), to_jsonb(sessions) FROM users, sessions`),
  )

  await database.owner`ALTER TABLE outbox RENAME TO nowhere`
  t.equal((await send('/register', { email: 'b@example.com', password: canary })).statusCode, 500)
  t.equal((await send('/login', { email, password: newCanary })).statusCode, 500)
  await database.owner`ALTER TABLE credentials RENAME TO elsewhere`
  t.equal((await send('/register', { email: 'b@example.com', password: canary })).statusCode, 500)
  t.equal((await send('/login', { email, password: newCanary })).statusCode, 500)

  const logged = seen.join('\n')
  t.match(logged, /"code":"internal_error"/, 'failures were logged')
  for (const secret of secrets)
    t.notOk(
      seen.find((text) => text.includes(secret)),
      `nothing says ${secret}`,
    )
})
