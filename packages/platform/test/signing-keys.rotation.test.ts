// Attack: a signing key lives for ever; or it goes before its tokens, and everyone is signed out.
import {
  isRotationDue,
  rotateSigningKey,
  rotateSigningKeyWhenDue,
} from '@latchkey/platform/signing-keys/rotate-signing-key'
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import { secondSecret, firstSecret, startSigningKeyRig } from './support/signing-keys.js'

t.test('a new key is published before it signs, and the old one until its last token has died', async (t) => {
  const rig = await startSigningKeyRig(t)
  const keys = await rig.startInstance()
  const old = keys.current().kid
  const rotated = await rotateSigningKey(rig.worker())

  await waitFor(() => keys.publicJwks().keys.length === 2, {
    what: 'the new key to be published',
    deadlineMs: 10_000,
  })
  t.match(
    keys.publicJwks().keys.map((jwk) => jwk.kid),
    [rotated.kid, old],
  )
  t.ok(keys.verificationKey(rotated.kid), 'known everywhere before its first token')
  t.equal(keys.current().kid, old, 'and not used yet')
  const [times] = await rig.owner<{ lead: number; overlap: number }[]>`
    SELECT extract(epoch FROM new.activates_at - now())::int AS lead,
      extract(epoch FROM old.retires_at - new.activates_at)::int AS overlap
    FROM signing_keys old, signing_keys new WHERE old.kid = ${old} AND new.kid = ${rotated.kid}`
  t.ok((times?.lead ?? 0) > 590 && (times?.lead ?? 0) <= 600)
  t.equal(times?.overlap, 930, 'the life of an access token and the leeway')

  await rig.owner`UPDATE signing_keys SET activates_at = activates_at - interval '10 minutes', retires_at = retires_at - interval '10 minutes'`
  await waitFor(() => keys.current().kid === rotated.kid, { what: 'the new key to sign', deadlineMs: 10_000 })
  t.ok(keys.verificationKey(old), 'the old key still verifies')
  t.ok(keys.ageSeconds() < 60)

  await rig.owner`UPDATE signing_keys SET retires_at = now() WHERE kid = ${old}`
  await waitFor(() => keys.verificationKey(old) === null, {
    what: 'the old key to be gone',
    deadlineMs: 10_000,
  })
  t.equal(keys.publicJwks().keys.length, 1)
})

t.test('a rotation tells the audit log, and the next one clears away what is retired', async (t) => {
  const rig = await startSigningKeyRig(t)
  const keys = await rig.startInstance({ reloadEveryMs: 3_600_000 })
  const first = keys.current().kid
  const second = await rotateSigningKey(rig.worker({ algorithm: 'EdDSA' }))
  t.match(await rig.owner`SELECT type, severity, data FROM outbox`, [
    { type: 'key.rotated', severity: 'notice', data: { kid: second.kid, algorithm: 'EdDSA' } },
  ])
  await rig.owner`UPDATE signing_keys SET retires_at = now() - interval '1 second' WHERE kid = ${first}`
  await rotateSigningKey(rig.worker())
  const kids = await rig.owner<{ kid: string }[]>`SELECT kid FROM signing_keys`
  t.notOk(kids.some(({ kid }) => kid === first))
  t.equal(kids.length, 2)
})

t.test('a rotation is due after 90 days, and of five workers one does it', async (t) => {
  const rig = await startSigningKeyRig(t)
  const worker = rig.worker()
  t.notOk(await isRotationDue(worker.sql), 'without a key the first one is the api to make')
  await rig.startInstance()
  t.notOk(await isRotationDue(worker.sql))
  t.equal(await rotateSigningKeyWhenDue(worker), null)

  await rig.owner`UPDATE signing_keys SET activates_at = now() - interval '89 days 23 hours'`
  t.notOk(await isRotationDue(worker.sql))
  await rig.owner`UPDATE signing_keys SET activates_at = now() - interval '90 days 1 minute'`
  t.ok(await isRotationDue(worker.sql))
  const results = await Promise.all(Array.from({ length: 5 }, () => rotateSigningKeyWhenDue(rig.worker())))
  t.equal(results.filter((result) => result !== null).length, 1)
  t.notOk(await isRotationDue(worker.sql), 'also while the new key waits for its time')
})

t.test('by hand on an empty table, or when all keys are revoked, the new key signs at once', async (t) => {
  const rig = await startSigningKeyRig(t)
  const first = await rotateSigningKey(rig.worker())
  t.equal((await rig.startInstance({ reloadEveryMs: 3_600_000 })).current().kid, first.kid)
  await rig.owner`UPDATE signing_keys SET revoked_at = now()`
  const second = await rotateSigningKey(rig.worker())
  const keys = await rig.startInstance()
  t.equal(keys.current().kid, second.kid)
  t.equal(keys.verificationKey(first.kid), null)
})

t.test(
  'after a change of the secret a fresh key takes over, and tokens of the old one stay valid',
  async (t) => {
    const rig = await startSigningKeyRig(t)
    const before = await rig.startInstance()
    const old = before.current().kid
    const during = await Promise.all(
      Array.from({ length: 3 }, () => rig.startInstance({ secret: secondSecret, previous: firstSecret })),
    )
    const [first] = during
    t.equal(first?.publicJwks().keys.length, 2, 'three starters make one')
    t.equal(first?.current().kid, old, 'which waits until everyone knows it')
    t.equal(before.current().kid, old)

    await rig.owner`UPDATE signing_keys SET activates_at = activates_at - interval '11 minutes'`
    await waitFor(() => first?.current().kid !== old, { what: 'the fresh key to sign', deadlineMs: 10_000 })
    t.ok(first?.verificationKey(old))
    t.equal(
      before.current().kid,
      old,
      'a process that does not know the new secret yet goes on with what it can open',
    )

    const after = await rig.startInstance({ secret: secondSecret })
    t.equal(after.current().kid, first?.current().kid, 'and the previous secret may go')
    t.ok(after.verificationKey(old))
    t.equal(after.publicJwks().keys.length, 2)
  },
)

t.test('when the secret is lost a key of the new one signs at once', async (t) => {
  const rig = await startSigningKeyRig(t)
  const old = (await rig.startInstance()).current().kid
  const keys = await rig.startInstance({ secret: secondSecret })
  t.not(keys.current().kid, old)
  t.ok(keys.verificationKey(old), 'what the old one signed is still good')
})
