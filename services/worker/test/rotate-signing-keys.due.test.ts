/** A signing key that is never changed is one that was stolen unnoticed years ago: after 90 days the worker makes the next. */
import t from 'tap'
import { rotateSigningKey } from '@latchkey/platform/signing-keys/rotate-signing-key'
import { rotateSigningKeys } from '@latchkey/worker/jobs/rotate-signing-keys/rotate-signing-keys'
import { createTestDeps } from './support/test-deps.js'

t.test(
  'rotates when the key is 90 days old, once however many workers notice, and tells of it',
  async (t) => {
    const { deps, db, database } = await createTestDeps(t)
    const other = await createTestDeps(t, { authSecret: deps.config.authSecret }, { database })
    await rotateSigningKeys(deps)
    t.same(await db`SELECT kid FROM signing_keys`, [], 'the first key is the api to make')

    const first = await rotateSigningKey(deps)
    const setAge = (days: number) =>
      db`UPDATE signing_keys SET activates_at = now() - make_interval(days => ${days}) WHERE kid = ${first.kid}`
    await setAge(89)
    await rotateSigningKeys(deps)
    t.equal((await db`SELECT FROM signing_keys`).length, 1)

    await setAge(91)
    await Promise.all([rotateSigningKeys(deps), rotateSigningKeys(other.deps), rotateSigningKeys(deps)])
    const keys = await db<{ kid: string; leadSeconds: number; isRetiring: boolean }[]>`
    SELECT kid, extract(epoch FROM activates_at - now())::float8 AS lead_seconds, retires_at IS NOT NULL AS is_retiring
    FROM signing_keys ORDER BY activates_at`
    t.match(keys, [
      { kid: first.kid, isRetiring: true },
      { kid: String, isRetiring: false },
    ])
    t.ok((keys[1]?.leadSeconds ?? 0) > 590, 'published ten minutes before it signs')
    t.match(await db`SELECT type, data FROM outbox`, [{ type: 'key.rotated', data: { kid: keys[1]?.kid } }])
  },
)
