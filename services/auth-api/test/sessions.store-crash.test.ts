// Fault: PostgreSQL or Redis dies by SIGKILL under load, or Redis forgets. No client loses its session; no revoked token lives.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onFreePort } from '@latchkey/devstack/servers/on-free-port'
import { startRedis } from '@latchkey/devstack/servers/redis'
import { startPrivatePostgres } from '@latchkey/devstack/testing/private-servers'
import { waitFor } from '@latchkey/devstack/wait-for'
import { migrate } from '@latchkey/platform/database/migrate'
import { Redis } from 'ioredis'
import t from 'tap'
import { startApiProcess } from './support/api-process.js'
import { logInOver, logOutOver, postOver, refreshOver, registerOver, statusOf } from './support/over-http.js'
import { RefreshingClient } from './support/refreshing-client.js'
import { newEmail } from './support/session-driver.js'

t.setTimeout(120_000)

const total = (clients: RefreshingClient[]) => clients.reduce((sum, { refreshes }) => sum + refreshes, 0)

async function underLoad(clients: RefreshingClient[], faults: () => Promise<void>): Promise<void> {
  let isOver = false
  const running = clients.map((client) => client.run(() => isOver))
  try {
    await faults()
  } finally {
    isOver = true
    await Promise.all(running)
  }
}

async function moreRefreshes(clients: RefreshingClient[], count: number): Promise<void> {
  const before = total(clients)
  await waitFor(() => total(clients) >= before + count, {
    what: `${count} more refreshes`,
    deadlineMs: 30_000,
  })
}

t.test(
  'PostgreSQL killed under refresh load with asynchronous commit: no client loses its session',
  async (t) => {
    // The WAL writer rests for ten seconds at a time, so that a crash has commits to lose.
    const postgres = await startPrivatePostgres(t, { wal_writer_delay: '10s', fsync: 'on' })
    await migrate(postgres.url)
    const api = await startApiProcess(t, { DATABASE_URL: postgres.url, REFRESH_DURABILITY: 'async' })
    const clients: RefreshingClient[] = []
    for (let n = 0; n < 8; n += 1)
      clients.push(new RefreshingClient(() => [api.url], await registerOver(api.url, newEmail())))

    await underLoad(clients, async () => {
      for (let kills = 0; kills < 2; kills += 1) {
        await moreRefreshes(clients, 100)
        await postgres.kill()
        const away = await refreshOver(api.url, clients[0]!.tokens.refreshToken)
        t.equal(away.status, 503, 'a store that is away is never told as a lost session')
        t.ok(Number(away.retryAfter) > 0)
        await postgres.start()
      }
      await moreRefreshes(clients, 50)
    })
    for (const client of clients) t.equal(client.endedBy, null)
    const metrics = await (await fetch(`${api.url}/metrics`)).text()
    const ahead = Number(/auth_refresh_total\{[^}]*outcome="ahead"[^}]*\} (\d+)/.exec(metrics)?.[1] ?? 0)
    t.ok(ahead > 0, `commits were lost and recovered (${ahead})`)
  },
)

t.test(
  'PostgreSQL away: everything that needs it answers 503, and every client carries on when it is back',
  async (t) => {
    const postgres = await startPrivatePostgres(t)
    await migrate(postgres.url)
    const api = await startApiProcess(t, { DATABASE_URL: postgres.url })
    const opened = await registerOver(api.url, newEmail())
    const client = new RefreshingClient(() => [api.url], opened)
    await postgres.kill()
    for (const answer of [
      await refreshOver(api.url, opened.refreshToken),
      await logInOver(api.url, newEmail()),
      await logOutOver(api.url, opened.accessToken),
      await postOver<object>(api.url, '/register', {
        body: { email: newEmail(), password: 'a long enough phrase 43' },
      }),
    ]) {
      t.equal(answer.status, 503)
      t.equal(answer.body.code, 'unavailable')
      t.ok(Number(answer.retryAfter) > 0)
    }
    await postgres.start()
    t.ok(await client.refreshUntilAnswered(Date.now() + 20_000))
    t.equal(client.endedBy, null)
  },
)

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
  const apis = [await startApiProcess(t, env), await startApiProcess(t, env)] as const
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
