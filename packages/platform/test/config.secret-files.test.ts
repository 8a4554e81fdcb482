// Attack: a secret in the environment shows in process lists and crash dumps; files keep it out.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { leastEnv, load, problemsOf } from './support/config-problems.js'

const secret = 'k3Yp9Vn2Xr7Tq1Wm5Zs8Bd4Hf6Jc0LgQ'

t.test('a secret setting is read from its file, without the line break at the end', async (t) => {
  const folder = t.testdir()
  for (const [name, ending] of Object.entries({ bare: '', unix: '\n', windows: '\r\n' })) {
    writeFileSync(join(folder, name), secret + ending)
    const { AUTH_SECRET: _, ...env } = leastEnv
    t.same(problemsOf({ ...env, AUTH_SECRET_FILE: join(folder, name) }), [])
    t.equal(load({ AUTH_SECRET_PREVIOUS_FILE: join(folder, name) }).authSecretPrevious, secret)
  }
})

t.test('addresses that may hold a password can come from files too', async (t) => {
  const folder = t.testdir({ database: 'postgres://lk@elsewhere/lk\n', redis: 'redis://cache' })
  const config = load({
    DATABASE_URL_SESSION_FILE: join(folder, 'database'),
    REDIS_URL_FILE: join(folder, 'redis'),
  })
  t.match(config, { databaseUrl: 'postgres://lk@elsewhere/lk', redisUrl: 'redis://cache' })
})

t.test('both ways at once, a missing file and an empty one are problems', async (t) => {
  const folder = t.testdir({ secret, empty: '\n' })
  t.match(problemsOf({ ...leastEnv, AUTH_SECRET_FILE: join(folder, 'secret') }), [
    /^AUTH_SECRET and AUTH_SECRET_FILE are both set/,
  ])
  const { AUTH_SECRET: _, ...env } = leastEnv
  t.match(problemsOf({ ...env, AUTH_SECRET_FILE: join(folder, 'none') }), [/^AUTH_SECRET_FILE .*ENOENT/])
  t.match(problemsOf({ ...env, AUTH_SECRET_FILE: folder }), [/^AUTH_SECRET_FILE .*EISDIR/])
  t.match(problemsOf({ ...leastEnv, METRICS_TOKEN_FILE: join(folder, 'empty') }), [
    /^METRICS_TOKEN_FILE names an empty/,
  ])
})
