// Fault: PostgreSQL is away, or another process made a key a moment ago. Attack: a flood of tokens that name unknown keys.
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import { rotateSigningKey } from '@latchkey/platform/signing-keys/rotate-signing-key'
import { createSigningKeys } from '@latchkey/platform/signing-keys/signing-keys'
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import { captureLog } from './support/log-lines.js'
import { firstSecret, startSigningKeyRig } from './support/signing-keys.js'

const unknownKid = 'A'.repeat(43)
const never = 3_600_000

t.test('a key that another process made a moment ago is found when it is asked for', async (t) => {
  const rig = await startSigningKeyRig(t)
  const keys = await rig.startInstance({ reloadEveryMs: never })
  const { kid } = await rotateSigningKey(rig.worker())
  t.equal(keys.verificationKey(kid), null)
  await waitFor(async () => (await keys.findVerificationKey(kid)) !== null, {
    what: 'the key of another process',
    deadlineMs: 10_000,
  })
  t.ok(keys.verificationKey(kid))
})

t.test('unknown keys cost one statement a second, and malformed names none', async (t) => {
  const rig = await startSigningKeyRig(t)
  let statements = 0
  const sql = rig.connect('latchkey_api', () => (statements += 1))
  const keys = await createSigningKeys({
    sql,
    keyring: createKeyring(firstSecret, null),
    config: { signingAlgorithm: 'ES256', accessTokenTtlSeconds: 900 },
    log: captureLog().log,
    reloadEveryMs: never,
  })
  t.teardown(() => keys.close())
  await waitFor(
    async () => {
      statements = 0
      await keys.findVerificationKey(unknownKid)
      return statements === 1
    },
    { what: 'a second without a reload', deadlineMs: 10_000 },
  )
  await Promise.all(Array.from({ length: 500 }, () => keys.findVerificationKey(unknownKid)))
  for (const kid of ['', 'x', `${unknownKid}A`, '../../etc', "'; DROP TABLE signing_keys"]) {
    t.equal(await keys.findVerificationKey(kid), null)
  }
  t.equal(statements, 1)
})

t.test('while PostgreSQL is away the known keys stay, unknown is not invalid, and all heals', async (t) => {
  const rig = await startSigningKeyRig(t)
  const { log, lines } = captureLog()
  const sql = rig.connect('latchkey_api')
  const keys = await createSigningKeys({
    sql,
    keyring: createKeyring(firstSecret, null),
    config: { signingAlgorithm: 'ES256', accessTokenTtlSeconds: 900 },
    log,
    reloadEveryMs: 20,
  })
  t.teardown(() => keys.close())
  const current = keys.current()
  const jwks = keys.publicJwks()

  await rig.owner`REVOKE SELECT ON signing_keys FROM latchkey_api`
  await waitFor(() => lines().length > 0, { what: 'the outage to be noticed', deadlineMs: 10_000 })
  await t.rejects(keys.findVerificationKey(unknownKid), { code: '42501' })
  t.same(keys.current(), current)
  t.same(keys.publicJwks(), jwks)
  t.ok(await keys.findVerificationKey(current.kid))

  await rig.owner`GRANT SELECT ON signing_keys TO latchkey_api`
  await waitFor(() => lines().length > 1, { what: 'the end of the outage to be noticed', deadlineMs: 10_000 })
  t.match(lines(), [{ level: 'warn' }, { level: 'info' }])
  t.equal(lines().length, 2, 'one line when it begins, one when it ends')
  t.equal(await keys.findVerificationKey(unknownKid), null)
})

t.test('a revoked key signs no more, also when no other can be made', async (t) => {
  const rig = await startSigningKeyRig(t)
  const keys = await rig.startInstance()
  const { kid } = keys.current()
  await rig.owner`REVOKE INSERT ON signing_keys FROM latchkey_api`
  await rig.owner`UPDATE signing_keys SET revoked_at = now()`
  await waitFor(() => keys.verificationKey(kid) === null, {
    what: 'the revoked key to be gone',
    deadlineMs: 10_000,
  })
  t.throws(() => keys.current(), { code: 'unavailable', status: 503, retryAfterSeconds: 5 })
  t.throws(() => keys.ageSeconds(), { code: 'unavailable' })
  t.same(keys.publicJwks(), { keys: [] })

  await rig.owner`GRANT INSERT ON signing_keys TO latchkey_api`
  const healed = await waitFor(() => keys.current().kid, { what: 'a new key', deadlineMs: 10_000 })
  t.not(healed, kid)
})

t.test('after close nothing is read any more', async (t) => {
  const rig = await startSigningKeyRig(t)
  const keys = await rig.startInstance({ reloadEveryMs: 1 })
  await keys.close()
  await rig.owner`UPDATE signing_keys SET revoked_at = now()`
  await waitFor(
    async () =>
      (await rig.owner`SELECT FROM signing_keys WHERE revoked_at < clock_timestamp() - interval '50 ms'`)
        .length > 0,
    { what: '50 ms to pass', deadlineMs: 10_000 },
  )
  t.ok(keys.current())
})
