// Fault: Redis dies by SIGKILL under load, forgets, or remembers too little. No client loses its session; no revoked token lives.
// Alone: it starts servers and processes of its own.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onFreePort } from '@latchkey/devstack/servers/on-free-port'
import { startRedis } from '@latchkey/devstack/servers/redis'
import { startPrivatePostgres } from '@latchkey/devstack/testing/private-servers'
import { migrate } from '@latchkey/platform/database/migrate'
import { Redis } from 'ioredis'
import t from 'tap'
import { startApiProcess } from './support/api-process.js'
import { moreRefreshes, underLoad } from './support/load.js'
import { logOutOver, registerOver, statusOf } from './support/over-http.js'
import { RefreshingClient } from './support/refreshing-client.js'
import { newEmail } from './support/session-driver.js'

t.setTimeout(120_000)

t.test('Redis killed, flushed and restored from an old snapshot under load, two instances', async (t) => {
  const postgres = await startPrivatePostgres(t)
  await migrate(postgres.url)
  // No append-only file: what the server reads back is the last snapshot, older than the newest revocations.
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-'))
  t.teardown(() => rm(dataDir, { recursive: true, force: true }))
  const redis = await onFreePort((port) => startRedis({ dataDir, port, appendOnly: false }))
  t.teardown(() => redis.kill())
  const env = {
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    REDIS_KEY_PREFIX: 'test:stores:',
    AUTH_SECRET: randomBytes(32).toString('hex'),
  }
  const onRedis = async (command: (client: Redis) => Promise<unknown>) => {
    const client = new Redis(redis.url)
    await command(client)
    await client.quit()
  }
  const apis = await Promise.all([startApiProcess(t, env), startApiProcess(t, env)])
  const clients: RefreshingClient[] = []
  for (let n = 0; n < 6; n += 1) {
    clients.push(
      new RefreshingClient(
        () => apis.map(({ url }) => url),
        await registerOver(apis[n % 2]!.url, newEmail()),
      ),
    )
  }
  const revoked: string[] = []
  /** Signs a new session out at one instance; from that answer on its token must be refused by both, always. */
  const revokeOne = async () => {
    const opened = await registerOver(apis[0].url, newEmail())
    t.equal(await statusOf(apis[1].url, opened.accessToken), 200)
    t.equal((await logOutOver(apis[0].url, opened.accessToken)).status, 204)
    revoked.push(opened.accessToken)
  }
  const noneIsAccepted = async (when: string) => {
    const statuses = await Promise.all(
      revoked.flatMap((token) => apis.map(({ url }) => statusOf(url, token))),
    )
    t.same([...new Set(statuses)], [401], when)
  }

  await underLoad(clients, async () => {
    await revokeOne()
    await noneIsAccepted('at once')
    await onRedis((client) => client.flushall())
    await noneIsAccepted('after a flush')
    await onRedis((client) => client.save())
    await revokeOne() // the snapshot does not know of this one
    await redis.kill()
    await noneIsAccepted('while Redis is away')
    await revokeOne()
    await redis.start()
    await noneIsAccepted('as Redis returns with an old snapshot')
    await moreRefreshes(clients, 60)
    await noneIsAccepted('after the list was rebuilt')
    await revokeOne()
    await noneIsAccepted('and on')
  })
  for (const client of clients) t.equal(client.endedBy, null)
})
