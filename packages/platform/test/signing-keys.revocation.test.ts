// Attack: a signing key has leaked, and whoever has it signs tokens for anyone.
import { revokeSigningKey } from '@latchkey/platform/signing-keys/revoke-signing-key'
import { rotateSigningKey } from '@latchkey/platform/signing-keys/rotate-signing-key'
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import { startSigningKeyRig } from './support/signing-keys.js'

t.test('the key in use goes at once, and another signs at once', async (t) => {
  const rig = await startSigningKeyRig(t)
  const instances = [await rig.startInstance(), await rig.startInstance()]
  const leaked = instances[0]?.current().kid ?? ''
  const { kid, successor } = await revokeSigningKey(rig.worker({ algorithm: 'EdDSA' }), 'current')
  t.equal(kid, leaked)
  for (const keys of instances) {
    await waitFor(() => keys.verificationKey(leaked) === null, {
      what: 'the key to be refused',
      deadlineMs: 10_000,
    })
    t.match(keys.current(), { kid: successor?.kid, algorithm: 'EdDSA' })
    t.same(
      keys.publicJwks().keys.map((jwk) => jwk.kid),
      [successor?.kid],
    )
  }
  t.match(await rig.owner`SELECT type, severity, data FROM outbox ORDER BY type`, [
    { type: 'key.revoked', severity: 'critical', data: { kid: leaked, successor: successor?.kid } },
  ])
})

t.test('a key that was announced beside it never signs', async (t) => {
  const rig = await startSigningKeyRig(t)
  const keys = await rig.startInstance()
  const announced = await rotateSigningKey(rig.worker())
  const { successor } = await revokeSigningKey(rig.worker(), keys.current().kid)
  await rig.owner`UPDATE signing_keys SET activates_at = activates_at - interval '11 minutes' WHERE kid = ${announced.kid}`
  await waitFor(() => keys.current().kid === successor?.kid, {
    what: 'the new key to sign',
    deadlineMs: 10_000,
  })
  t.equal(keys.verificationKey(announced.kid), null)
})

t.test('a key that signs no more goes alone', async (t) => {
  const rig = await startSigningKeyRig(t)
  const keys = await rig.startInstance()
  const old = keys.current().kid
  const { kid } = await rotateSigningKey(rig.worker())
  await rig.owner`UPDATE signing_keys SET activates_at = activates_at - interval '11 minutes'`
  t.same(await revokeSigningKey(rig.worker(), old), { kid: old, successor: null })
  await waitFor(() => keys.verificationKey(old) === null, {
    what: 'the old key to be refused',
    deadlineMs: 10_000,
  })
  t.equal(keys.current().kid, kid)
})

t.test('of two who revoke the same key one does, and the other is told', async (t) => {
  const rig = await startSigningKeyRig(t)
  const { kid } = (await rig.startInstance()).current()
  const results = await Promise.allSettled([
    revokeSigningKey(rig.worker(), kid),
    revokeSigningKey(rig.worker(), kid),
  ])
  t.same(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const [row] = await rig.owner<{ live: number }[]>`
    SELECT count(*)::int AS live FROM signing_keys WHERE revoked_at IS NULL`
  t.equal(row?.live, 1)
})

t.test('a name that is no published key changes nothing', async (t) => {
  const rig = await startSigningKeyRig(t)
  const keys = await rig.startInstance({ reloadEveryMs: 3_600_000 })
  for (const kid of ['A'.repeat(43), '', "' OR true --"]) {
    await t.rejects(revokeSigningKey(rig.worker(), kid), {
      message: `there is no published signing key ${kid}`,
    })
  }
  await rig.owner`DELETE FROM signing_keys`
  await t.rejects(revokeSigningKey(rig.worker(), 'current'), {
    message: 'there is no published signing key current',
  })
  t.ok(keys.current().kid)
  t.same(await rig.owner`SELECT type FROM outbox`, [])
})
