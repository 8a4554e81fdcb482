// Other services verify access tokens on their own, with nothing but these keys.
import { rotateSigningKey } from '@latchkey/platform/signing-keys/rotate-signing-key'
import * as jose from 'jose'
import t from 'tap'
import { register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

interface KeySet {
  keys: (jose.JWK & { kid: string })[]
}

for (const signingAlgorithm of ['ES256', 'EdDSA'] as const) {
  t.test(`${signingAlgorithm}: the key set has public members only, and verifies our tokens`, async (t) => {
    const { app, api, deps } = await createTestApp(t, { signingAlgorithm })
    const { accessToken } = await register(app)
    const { keys } = (await api('GET', '/.well-known/jwks.json')).body as unknown as KeySet
    t.match(keys, [{ alg: signingAlgorithm, use: 'sig' }])
    const members = ['alg', 'crv', 'kid', 'kty', 'use', 'x', ...(signingAlgorithm === 'ES256' ? ['y'] : [])]
    t.same(Object.keys(keys[0] ?? {}).toSorted(), members, 'and no private one')
    t.equal(keys[0]?.kid, await jose.calculateJwkThumbprint(keys[0] ?? {}), 'RFC 7638')

    const { issuer, audience } = deps.config
    const keySet = jose.createLocalJWKSet({ keys })
    const verified = await jose.jwtVerify(accessToken, keySet, { issuer, audience, typ: 'at+jwt' })
    t.equal(verified.protectedHeader.alg, signingAlgorithm)
    t.equal((await api('GET', '/me', { token: accessToken })).status, 200)
  })
}

t.test(
  'through a rotation, also to another algorithm, old and new tokens are good and both keys published',
  async (t) => {
    const before = await createTestApp(t)
    const { authSecret } = before.deps.config
    const old = await register(before.app)
    const { kid } = await rotateSigningKey({
      sql: before.db,
      keyring: before.deps.keyring,
      config: { ...before.deps.config, signingAlgorithm: 'EdDSA' },
    })

    const announced = await createTestApp(t, { authSecret }, { database: before.database })
    const { keys } = (await announced.api('GET', '/.well-known/jwks.json')).body as unknown as KeySet
    t.equal(keys.length, 2)
    t.ok(
      keys.some((key) => key.kid === kid),
      'the next key is published before it signs',
    )
    t.equal((await announced.api('GET', '/me', { token: old.accessToken })).status, 200)
    const still = await register(announced.app)
    t.not(jose.decodeProtectedHeader(still.accessToken).kid, kid)

    await before.db`UPDATE signing_keys SET activates_at = now() WHERE kid = ${kid}`
    const after = await createTestApp(t, { authSecret }, { database: before.database })
    const fresh = await register(after.app)
    t.match(jose.decodeProtectedHeader(fresh.accessToken), { kid, alg: 'EdDSA' })
    for (const { accessToken } of [old, still, fresh]) {
      t.equal((await after.api('GET', '/me', { token: accessToken })).status, 200)
    }
  },
)
