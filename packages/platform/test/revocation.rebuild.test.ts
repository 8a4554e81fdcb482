// The races of a rebuild: a list that claims to be complete and is not would accept the tokens of revoked sessions.
// Alone: it starts servers and processes of its own.
import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import type { Sql } from '@latchkey/platform/database/client'
import { createDenylist, type Denylist } from '@latchkey/platform/redis/denylist'
import { rebuildRevocationList } from '@latchkey/platform/revocation/rebuild'
import { connectTestRedis, sharedRedisUrl, startInstance } from './support/pipeline.js'
import { insertSession, insertSessions, revokeInPostgres } from './support/sessions.js'

const windowSeconds = 930

t.test('the list gets every session revoked within the window, in pages, and nothing else', async (t) => {
  const { owner, denylist, redis, keyPrefix, isListed } = await startWorld(t)
  const recent = await insertSessions(owner, 2300)
  const old = await insertSession(owner)
  const live = await insertSession(owner)
  await revokeInPostgres(owner, recent, 900)
  await revokeInPostgres(owner, [old], windowSeconds + 1)
  t.equal(await rebuildRevocationList(denylist, owner, { runId: 'run', windowSeconds }), 'completed')
  t.equal((await Promise.all(recent.map(isListed))).filter(Boolean).length, recent.length)
  t.equal(await isListed(old), false)
  t.equal(await isListed(live), false)
  t.equal(await redis.client.get(`${keyPrefix}revocations:epoch`), 'run')
  t.equal(await redis.client.ttl(`${keyPrefix}revocations:epoch`), -1, 'the epoch does not run out')
  t.ok((await redis.client.ttl(`${keyPrefix}revoked:${recent[0]}`)) <= 30)
})

t.test('of two at once one rebuilds', async (t) => {
  const { owner, denylist } = await startWorld(t)
  await revokeInPostgres(owner, await insertSessions(owner, 1500))
  const outcomes = await Promise.all(
    [1, 2].map(() => rebuildRevocationList(denylist, owner, { runId: 'run', windowSeconds })),
  )
  t.strictSame(outcomes.toSorted(), ['busy', 'completed'])
})

t.test('data that is lost while the list is being filled leaves no epoch', async (t) => {
  const { owner, denylist, redis, keyPrefix } = await startWorld(t)
  await revokeInPostgres(owner, await insertSessions(owner, 1500))
  const flushing = interrupted(denylist, async () => {
    const keys = await redis.client.keys(`${keyPrefix}*`)
    await redis.client.del(...keys)
  })
  t.equal(await rebuildRevocationList(flushing, owner, { runId: 'run', windowSeconds }), 'overtaken')
  t.equal(await redis.client.exists(`${keyPrefix}revocations:epoch`), 0)
})

t.test('a rebuild that fails half way leaves no epoch, and the next may start at once', async (t) => {
  const { owner, denylist, redis, keyPrefix } = await startWorld(t)
  await revokeInPostgres(owner, await insertSessions(owner, 1500))
  const failing = interrupted(denylist, () => Promise.reject(new Error('killed')))
  await t.rejects(rebuildRevocationList(failing, owner, { runId: 'run', windowSeconds }), {
    message: 'killed',
  })
  t.equal(await redis.client.exists(`${keyPrefix}revocations:epoch`), 0)
  t.equal(await rebuildRevocationList(denylist, owner, { runId: 'run', windowSeconds }), 'completed')
})

t.test('a process that dies with the lock holds up the others only until the lock runs out', async (t) => {
  const { owner, denylist, redis, keyPrefix } = await startWorld(t)
  t.equal(await denylist.lock(randomUUID()), true)
  t.equal(await rebuildRevocationList(denylist, owner, { runId: 'run', windowSeconds }), 'busy')
  const lockMs = await redis.client.pttl(`${keyPrefix}revocations:lock`)
  t.ok(lockMs > 0 && lockMs <= 10_000)
})

t.test('who lost the lock to another neither completes nor gives it back', async (t) => {
  const { denylist, redis, keyPrefix } = await startWorld(t)
  await denylist.lock('slow')
  await redis.client.del(`${keyPrefix}revocations:lock`)
  await denylist.lock('next')
  t.equal(await denylist.keepLock('slow'), false)
  t.equal(await denylist.complete('slow', 'run'), false)
  await denylist.unlock('slow')
  t.equal(await redis.client.get(`${keyPrefix}revocations:lock`), 'next')
  t.equal(await denylist.complete('next', 'run'), true)
})

t.test('revocations at any moment of a rebuild are in force when they are answered', async (t) => {
  const { owner, keyPrefix, database, redis } = await startWorld(t)
  const options = { redisUrl: sharedRedisUrl(), databaseUrl: database.url, keyPrefix }
  const [revoker, other] = [startInstance(t, options), startInstance(t, options)]
  const sessions = await insertSessions(owner, 120)
  const [bystander] = await insertSessions(owner, 1)
  await waitFor(() => [revoker, other].every((instance) => instance.redis.runId() !== null), {
    what: 'Redis',
  })

  let wrong = 0
  for (const session of sessions) {
    await redis.client.del(`${keyPrefix}revocations:epoch`)
    const rebuilt = other.revocations.check(bystander ?? '', 1)
    await revokeInPostgres(owner, [session])
    await revoker.revocations.revoke([session])
    if ((await other.revocations.check(session, 1)) !== 'revoked') wrong++
    await rebuilt
  }
  t.equal(wrong, 0)
})

async function startWorld(t: Test) {
  const database = await createTestDatabase(t)
  const keyPrefix = redisPrefix(t)
  const redis = connectTestRedis(t, sharedRedisUrl())
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  const denylist = createDenylist(redis.client, keyPrefix, 3600)
  const owner: Sql = database.owner
  const isListed = async (id: string) => (await redis.client.exists(`${keyPrefix}revoked:${id}`)) === 1
  return { database, owner, redis, keyPrefix, denylist, isListed }
}

/** A denylist with which something happens after the first page. */
function interrupted(denylist: Denylist, happen: () => Promise<void>): Denylist {
  let pages = 0
  return {
    ...denylist,
    async addMissing(revocations) {
      await denylist.addMissing(revocations)
      if (++pages === 1) await happen()
    },
  }
}
