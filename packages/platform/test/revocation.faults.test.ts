// The attack: a token of a revoked session, presented while Redis or the way to it is in trouble. Each fault is one that makes a
// list look whole, or makes a write to it fail.
// Alone: its tests run side by side.
import t, { type Test } from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { waitFor } from '@latchkey/devstack/wait-for'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { layWire, viaWire } from './support/cuttable-wire.js'
import { startForgetfulRedis, startInstance, type Instance } from './support/pipeline.js'
import { insertSession, revokeInPostgres } from './support/sessions.js'

const keyPrefix = 'lk:'
t.jobs = 5 // each has its own Redis, and waits for it most of the time

t.test('Redis is flushed: PostgreSQL answers at once, and the list is rebuilt', async (t) => {
  const { owner, instances } = await startWorld(t)
  const [first, second] = instances
  const session = await insertSession(owner)
  await revokeInPostgres(owner, [session])
  await first.revocations.revoke([session])
  await first.redis.client.flushall()
  t.equal(await second.revocations.check(session, 1), 'revoked')
  await waitFor(() => hasCompleteList(second), { what: 'the rebuilt list' })
  t.equal(await second.redis.client.exists(`${keyPrefix}revoked:${session}`), 1)
  const ttl = await second.redis.client.ttl(`${keyPrefix}revoked:${session}`)
  t.ok(ttl > 900 && ttl <= 930, 'with what is left of its time')
})

t.test('Redis is killed: PostgreSQL answers, and all heals by itself', async (t) => {
  const { owner, instances, server } = await startWorld(t)
  const [first, second] = instances
  const [live, revoked] = [await insertSession(owner), await insertSession(owner)]
  await server.kill()
  await revokeInPostgres(owner, [revoked])
  await first.revocations.revoke([revoked])
  t.equal(await second.revocations.check(revoked, 1), 'revoked')
  t.equal(await second.revocations.check(live, 1), 'live')
  t.equal(await second.revocations.isConfirmed(live, 1n), false)
  await server.start()
  await waitFor(() => hasCompleteList(second), { what: 'the rebuilt list' })
  t.equal(await second.redis.client.exists(`${keyPrefix}revoked:${revoked}`), 1)
})

t.test('only the revoking instance is cut off from Redis: the others know all the same', async (t) => {
  const { owner, server, database } = await startWorld(t)
  for (const fault of ['cut', 'freeze'] as const) {
    const wire = await layWire(t, server.port)
    const cutOff = startInstance(t, {
      redisUrl: viaWire(server.url, wire),
      databaseUrl: database.url,
      keyPrefix,
    })
    const other = startInstance(t, { redisUrl: server.url, databaseUrl: database.url, keyPrefix })
    const session = await insertSession(owner)
    await waitFor(() => hasCompleteList(cutOff), { what: 'trust of the one' })
    await waitFor(() => hasCompleteList(other), { what: 'trust of the other' })
    wire[fault]()
    await revokeInPostgres(owner, [session])
    await cutOff.revocations.revoke([session])
    t.equal(await other.redis.client.exists('never'), 0, 'the other one still has Redis')
    t.equal(await other.revocations.check(session, 1), 'revoked', fault)
  }
})

t.test('Redis is full and refuses writes: a revocation is in force all the same', async (t) => {
  const { owner, instances } = await startWorld(t)
  const [first, second] = instances
  const session = await insertSession(owner)
  await waitFor(() => hasCompleteList(second), { what: 'trust' })
  await first.redis.client.config('SET', 'maxmemory', '1')
  await revokeInPostgres(owner, [session])
  await first.revocations.revoke([session])
  t.equal(await second.revocations.check(session, 1), 'revoked')
  await first.redis.client.config('SET', 'maxmemory', '0')
  await waitFor(() => hasCompleteList(first), { what: 'trust again' })
  t.equal(
    await first.redis.client.exists(`${keyPrefix}revoked:${session}`),
    1,
    'what was refused was written later',
  )
})

t.test('a Redis that may evict keys is never believed', async (t) => {
  const { owner, instances, database, server } = await startWorld(t)
  await instances[0].redis.client.config('SET', 'maxmemory-policy', 'volatile-lru')
  await instances[0].redis.client.config('SET', 'maxmemory', '100mb')
  const warned = startInstance(t, { redisUrl: server.url, databaseUrl: database.url, keyPrefix })
  await waitFor(() => warned.redis.isAvailable(), { what: 'Redis' })
  t.equal(warned.redis.runId(), null)
  t.match(warned.lines, [{ level: 'warn', maxmemoryPolicy: 'volatile-lru' }])
  const session = await insertSession(owner)
  await revokeInPostgres(owner, [session])
  t.equal(await warned.revocations.check(session, 1), 'revoked', 'nobody told Redis')
})

// Measures times: nothing runs beside it.
t.test(
  'Redis stops answering: a check waits for it a moment, and later ones do not',
  { buffered: false },
  async (t) => {
    const { owner, instances, server } = await startWorld(t)
    const session = await insertSession(owner)
    const [{ revocations, redis }] = instances
    process.kill(server.pid, 'SIGSTOP')
    t.teardown(() => process.kill(server.pid, 'SIGCONT'))
    const timed = async () => {
      const startedAt = performance.now()
      t.equal(await revocations.check(session, 1), 'live')
      return performance.now() - startedAt
    }
    t.ok((await timed()) < 1000)
    await waitFor(() => !redis.isAvailable(), { what: 'the silence to be noticed' })
    t.ok((await timed()) < 250)

    await revokeInPostgres(owner, [session])
    await revocations.revoke([session])
    process.kill(server.pid, 'SIGCONT')
    t.equal(await instances[1].revocations.check(session, 1), 'revoked')
    await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  },
)

async function startWorld(t: Test) {
  const database = await createTestDatabase(t)
  const server = await startForgetfulRedis(t)
  const options = { redisUrl: server.url, databaseUrl: database.url, keyPrefix }
  const instances = [startInstance(t, options), startInstance(t, options)] as const
  for (const instance of instances) await waitFor(() => hasCompleteList(instance), { what: 'the first list' })
  return { database, owner: database.owner, server, instances }
}

/** Whether this instance answers from Redis: there alone a session that never was looks live. */
async function hasCompleteList({ revocations }: Instance): Promise<boolean> {
  return (await revocations.check(newId(), 1)) === 'live'
}
