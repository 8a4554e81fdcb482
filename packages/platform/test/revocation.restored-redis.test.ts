// The attack: a stolen access token of a revoked session, presented after Redis crashed and came back with an older file. That
// file holds a complete-looking list without the newest revocations.
// Alone: it starts servers and processes of its own.
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { waitFor } from '@latchkey/devstack/wait-for'
import { startForgetfulRedis, startInstance } from './support/pipeline.js'
import { insertSession, revokeInPostgres } from './support/sessions.js'

t.test('a revocation that a restored Redis has forgotten is still in force', async (t) => {
  const database = await createTestDatabase(t)
  const server = await startForgetfulRedis(t)
  const options = { redisUrl: server.url, databaseUrl: database.url, keyPrefix: 'lk:' }
  const revoker = startInstance(t, options)
  const other = startInstance(t, options)
  const session = await insertSession(database.owner)
  const bystander = await insertSession(database.owner)
  const revokedKey = `lk:revoked:${session}`
  const readEpoch = async () => other.redis.client.get('lk:revocations:epoch')
  const listIsComplete = async () => {
    await other.revocations.check(bystander, 1)
    return (await readEpoch()) === other.redis.runId()
  }
  await waitFor(listIsComplete, { what: 'the first list' })
  t.equal(await other.revocations.check(session, 1), 'live')
  await other.redis.client.save()

  await revokeInPostgres(database.owner, [session])
  await revoker.revocations.revoke([session])
  t.equal(await other.redis.client.exists(revokedKey), 1)
  await server.kill()
  await server.start()
  await waitFor(() => other.redis.isAvailable(), { what: 'Redis' })

  t.equal(await other.redis.client.exists(revokedKey), 0, 'the file is older than the revocation')
  t.type(
    await readEpoch(),
    'string',
    'yet it says that the list is complete: believing that would accept the token',
  )
  t.not(await readEpoch(), other.redis.runId(), 'only that it is of another run of the server gives it away')
  t.equal(await other.revocations.check(session, 1), 'revoked')

  await waitFor(listIsComplete, { what: 'the rebuilt list' })
  t.equal(await other.redis.client.exists(revokedKey), 1, 'the rebuilt list has it')
})
