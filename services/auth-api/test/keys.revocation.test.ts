// Attack: a signing key has leaked. Its tokens are refused by every instance within five seconds, and nobody has to sign in anew.
import { connectDatabase } from '@latchkey/platform/database/client'
import { revokeSigningKey } from '@latchkey/platform/signing-keys/revoke-signing-key'
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import { refresh, register, useAccessToken } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

t.test('a revoked key is refused on both instances, and a refresh brings a token of the next', async (t) => {
  const here = await createTestApp(t)
  const { authSecret } = here.deps.config
  const there = await createTestApp(t, { authSecret }, { database: here.database })
  const opened = await register(here.app)
  for (const { app } of [here, there])
    t.equal((await useAccessToken(app, opened.accessToken)).status, 200, 'and remembered as verified')

  const worker = connectDatabase(here.deps.config, {
    role: 'latchkey_worker',
    pool: 'session',
    applicationName: 'keys:rotate',
  })
  t.teardown(() => worker.end())
  const { keyring, config } = here.deps
  const { kid } = await revokeSigningKey({ sql: worker, keyring, config }, 'current')
  for (const { app, api } of [here, there]) {
    const isRefused = async () => (await useAccessToken(app, opened.accessToken)).status === 401
    await waitFor(isRefused, { what: 'the token of the revoked key to be refused', deadlineMs: 5000 })
    t.equal((await useAccessToken(app, opened.accessToken)).body.code, 'token_invalid')
    t.notMatch(JSON.stringify((await api('GET', '/.well-known/jwks.json')).body), kid)
  }
  const renewed = await refresh(there.app, opened.refreshToken)
  t.equal(renewed.status, 200)
  t.equal((await useAccessToken(here.app, renewed.body.accessToken)).status, 200)
})
