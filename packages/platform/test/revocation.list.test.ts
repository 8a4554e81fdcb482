// Alone: it starts servers and processes of its own.
import t, { type Test } from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { accessTokenTtlSeconds, sharedRedisUrl, startInstance } from './support/pipeline.js'
import { insertSession, insertSessions, revokeInPostgres } from './support/sessions.js'

t.test('a session is live until its revocation is told, and then revoked in every instance', async (t) => {
  const { instances, owner } = await startWorld(t)
  const session = await insertSession(owner)
  for (const { revocations } of instances) t.equal(await revocations.check(session, 1), 'live')

  await revokeInPostgres(owner, [session])
  await instances[0].revocations.revoke([session])
  for (const { revocations } of instances) t.equal(await revocations.check(session, 1), 'revoked')
})

t.test('a session that does not exist is revoked', async (t) => {
  const { instances } = await startWorld(t)
  t.equal(await instances[0].revocations.check(newId(), 1), 'revoked')
})

t.test('an entry lives as long as a token that was issued before it, with the leeway', async (t) => {
  const { instances, owner, keyPrefix } = await startWorld(t)
  const [{ revocations, redis }] = instances
  const sessions = await insertSessions(owner, 2500)
  await revokeInPostgres(owner, sessions)
  await revocations.revoke(sessions)
  const ttls = await Promise.all(sessions.map((id) => redis.client.ttl(`${keyPrefix}revoked:${id}`)))
  t.ok(Math.min(...ttls) > accessTokenTtlSeconds + 20 && Math.max(...ttls) <= accessTokenTtlSeconds + 30)
})

t.test('a check confirms the generation, and none lowers what is confirmed', async (t) => {
  const { instances, owner } = await startWorld(t)
  const [first, second] = instances
  const session = await insertSession(owner)
  t.equal(await first.revocations.isConfirmed(session, 1n), false)
  await first.revocations.check(session, 7)
  await second.revocations.check(session, 3)
  t.equal(await second.revocations.isConfirmed(session, 7n), true)
  t.equal(await second.revocations.isConfirmed(session, 8n), false)

  await second.revocations.forgetConfirmation(session)
  t.equal(await first.revocations.isConfirmed(session, 1n), false)
})

t.test('a list of nothing is revoked without a word', async (t) => {
  const { instances } = await startWorld(t)
  await instances[0].revocations.revoke([])
  await instances[0].revocations.repeat([])
  t.match(instances[0].lines, [])
})

t.test('once the list is complete, a guard asks PostgreSQL nothing', async (t) => {
  const { instances } = await startWorld(t)
  const isAnsweredByRedis = async () => (await instances[0].revocations.check(newId(), 1)) === 'live'
  t.equal(await isAnsweredByRedis(), false, 'PostgreSQL knows that there is no such session')
  t.ok(await waitFor(isAnsweredByRedis, { what: 'the list' }))
})

t.test('without Redis PostgreSQL answers and nothing is confirmed', async (t) => {
  const database = await createTestDatabase(t)
  const { revocations } = startInstance(t, { redisUrl: null, databaseUrl: database.url, keyPrefix: 'lk:' })
  const [live, revoked] = await insertSessions(database.owner, 2)
  if (live === undefined || revoked === undefined) throw new Error('two sessions are needed')
  await revokeInPostgres(database.owner, [revoked])
  const startedAt = performance.now()
  await revocations.revoke([revoked])
  t.ok(performance.now() - startedAt < 500, 'nobody has a list, so nobody has to be outwaited')
  t.equal(await revocations.check(live, 1), 'live')
  t.equal(await revocations.check(revoked, 1), 'revoked')
  t.equal(await revocations.isConfirmed(live, 1n), false)
})

t.test('when neither Redis nor PostgreSQL answers, the check fails instead of answering live', async (t) => {
  const nowhere = 'postgres://nobody@127.0.0.1:1/nothing'
  const { revocations } = startInstance(t, { redisUrl: null, databaseUrl: nowhere, keyPrefix: 'lk:' })
  await t.rejects(revocations.check(newId(), 1))
})

async function startWorld(t: Test) {
  const database = await createTestDatabase(t)
  const keyPrefix = redisPrefix(t)
  const options = { redisUrl: sharedRedisUrl(), databaseUrl: database.url, keyPrefix }
  const instances = [startInstance(t, options), startInstance(t, options)] as const
  await waitFor(() => instances.every(({ redis }) => redis.runId() !== null), { what: 'Redis' })
  return { instances, owner: database.owner, keyPrefix }
}
