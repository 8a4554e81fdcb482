// Fault: AUTH_SECRET must be changed. Nobody is signed out by it, and the old secret is not needed for long.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { letTimePass, refresh, register, useAccessToken } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

t.test('refresh tokens of the previous AUTH_SECRET work and come back under the new one', async (t) => {
  const [previous, next] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]
  const before = await createTestApp(t, { authSecret: previous })
  const opened = await register(before.app)
  const lost = await register(before.app)
  await refresh(before.app, lost.refreshToken, { key: 'k1' })

  const during = await createTestApp(
    t,
    { authSecret: next, authSecretPrevious: previous },
    { database: before.database },
  )
  t.equal(
    (await useAccessToken(during.app, opened.accessToken)).status,
    200,
    'access tokens are signed with keys of their own',
  )
  const moved = await refresh(during.app, opened.refreshToken)
  t.equal(moved.status, 200)
  await letTimePass(before.db, lost.sessionId, 3600)
  const retried = await refresh(during.app, lost.refreshToken, { key: 'k1' })
  t.equal(retried.status, 200, 'a retry across the change is a retry')

  const after = await createTestApp(t, { authSecret: next }, { database: before.database })
  t.equal((await refresh(after.app, moved.body.refreshToken)).status, 200)
  t.equal((await refresh(after.app, retried.body.refreshToken)).status, 200)
  t.equal(
    (await refresh(after.app, opened.refreshToken)).body.code,
    'refresh_token_invalid',
    'the old secret is gone',
  )
})
