// Fault: PostgreSQL dies by SIGKILL under load, with commits still in memory. No client loses its session.
// Alone: it starts servers and processes of its own.
import { startPrivatePostgres } from '@latchkey/devstack/testing/private-servers'
import { migrate } from '@latchkey/platform/database/migrate'
import t from 'tap'
import { startApiProcess } from './support/api-process.js'
import { moreRefreshes, underLoad } from './support/load.js'
import { logInOver, logOutOver, postOver, refreshOver, registerOver } from './support/over-http.js'
import { RefreshingClient } from './support/refreshing-client.js'
import { newEmail } from './support/session-driver.js'

t.setTimeout(120_000)

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
