// Race: several processes start on an empty table, and must sign with one key.
import { open } from '@latchkey/platform/crypto/seal'
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import { firstSecret, secondSecret, startSigningKeyRig } from './support/signing-keys.js'

t.test('five starters on an empty table make one key', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const rig = await startSigningKeyRig(t)
    const instances = await Promise.all(Array.from({ length: 5 }, () => rig.startInstance()))
    const [row] = await rig.owner<{ count: number }[]>`SELECT count(*)::int FROM signing_keys`
    t.equal(row?.count, 1)
    t.equal(new Set(instances.map((keys) => keys.current().kid)).size, 1)
    const events = await rig.owner`SELECT FROM outbox`
    t.equal(events.length, 0, 'and a first key is no rotation')
  }
})

t.test('the first key signs at once, is published, and verifies', async (t) => {
  const rig = await startSigningKeyRig(t)
  const keys = await rig.startInstance({ algorithm: 'EdDSA' })
  const current = keys.current()
  t.match(current, { algorithm: 'EdDSA', privateKeyPem: /BEGIN PRIVATE KEY/ })
  t.match(keys.publicJwks(), { keys: [{ kid: current.kid, alg: 'EdDSA', kty: 'OKP' }] })
  t.match(keys.verificationKey(current.kid), { algorithm: 'EdDSA', publicKeyPem: /BEGIN PUBLIC KEY/ })
  t.ok(keys.ageSeconds() >= 0 && keys.ageSeconds() < 30)
})

t.test('a restart keeps the key', async (t) => {
  const rig = await startSigningKeyRig(t)
  const first = await rig.startInstance()
  const again = await rig.startInstance({ algorithm: 'EdDSA' })
  t.equal(again.current().kid, first.current().kid)
})

t.test('the private half at rest is sealed to its own row', async (t) => {
  const rig = await startSigningKeyRig(t)
  const keys = await rig.startInstance()
  const { kid } = keys.current()
  const [row] = await rig.owner<{ sealedPrivateKey: Buffer; publicJwk: object }[]>`
    SELECT sealed_private_key, public_jwk FROM signing_keys`
  const sealed = row?.sealedPrivateKey ?? Buffer.alloc(0)
  t.notOk('d' in (row?.publicJwk ?? {}))
  t.ok(open(createKeyring(firstSecret, null), sealed, `signing-key:${kid}`))
  t.throws(() => open(createKeyring(firstSecret, null), sealed, 'signing-key:another'))
  t.throws(() => open(createKeyring(secondSecret, null), sealed, `signing-key:${kid}`))
})

t.test(
  'a row that was tampered with is neither published nor signed with, and a good key takes its place',
  async (t) => {
    const rig = await startSigningKeyRig(t)
    const first = await rig.startInstance()
    const { kid } = first.current()
    await rig.owner`UPDATE signing_keys SET public_jwk = public_jwk || '{"x":"AAAA"}'`
    const second = await rig.startInstance()
    t.not(second.current().kid, kid)
    t.equal(second.verificationKey(kid), null)
  },
)

t.test('when every key is revoked a running process makes another', async (t) => {
  const rig = await startSigningKeyRig(t)
  const keys = await rig.startInstance()
  const { kid } = keys.current()
  await rig.owner`UPDATE signing_keys SET revoked_at = now()`
  await waitFor(() => keys.verificationKey(kid) === null, {
    what: 'the revoked key to be gone',
    deadlineMs: 10_000,
  })
  t.not(keys.current().kid, kid)
  t.notMatch(keys.publicJwks(), { keys: [{ kid }] })
})
