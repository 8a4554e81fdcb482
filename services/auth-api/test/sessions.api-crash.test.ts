// Fault: kill -9 of an API process at any moment. No client loses its session, nothing acknowledged is lost.
// Alone: it starts servers and processes of its own.
import { randomBytes } from 'node:crypto'
import { setTimeout as backOff } from 'node:timers/promises'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import { startApiProcess } from './support/api-process.js'
import { logInOver, registerOver, refreshOver } from './support/over-http.js'
import { RefreshingClient } from './support/refreshing-client.js'
import { letTimePass, newEmail, storedSession } from './support/session-driver.js'

t.setTimeout(120_000)

t.test(
  'killed between commit and answer: the same key brings the same successor an hour later',
  async (t) => {
    const { url, owner } = await createTestDatabase(t)
    const env = {
      DATABASE_URL: url,
      REDIS_KEY_PREFIX: redisPrefix(t),
      AUTH_SECRET: randomBytes(32).toString('hex'),
    }
    const api = await startApiProcess(t, env)
    const { refreshToken, sessionId } = await registerOver(api.url, newEmail())

    // Hold the row, let the refresh wait for it, freeze the process, and let go: PostgreSQL commits, nobody answers.
    let letGo = () => {}
    let holding: Promise<void> = Promise.resolve()
    await new Promise<void>((isHeld) => {
      holding = owner.begin(async (tx) => {
        await tx`SELECT FROM sessions WHERE id = ${sessionId} FOR UPDATE`
        isHeld()
        await new Promise<void>((resolve) => (letGo = resolve))
      })
    })
    const unanswered = refreshOver(api.url, refreshToken, 'the-key').catch(() => 'no answer')
    await waitFor(
      () =>
        owner`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`.then(
          (rows) => rows.length > 0,
        ),
      {
        what: 'the refresh to wait for the row',
      },
    )
    process.kill(api.pid, 'SIGSTOP')
    letGo()
    await holding
    await waitFor(async () => (await storedSession(owner, sessionId)).generation === 2n, {
      what: 'the commit',
    })
    await api.kill()
    t.equal(await unanswered, 'no answer')

    await letTimePass(owner, sessionId, 3600)
    const next = await startApiProcess(t, env)
    const retried = await refreshOver(next.url, refreshToken, 'the-key')
    t.equal(retried.status, 200)
    t.equal(
      (await storedSession(owner, sessionId)).generation,
      2n,
      'the successor of the lost answer, no further one',
    )
    t.equal((await refreshOver(next.url, retried.body.refreshToken, 'the-next-key')).status, 200)
  },
)

t.test(
  'killed again and again under load: every client keeps its session, every sign-in its event',
  async (t) => {
    const { url, owner } = await createTestDatabase(t)
    const env = {
      DATABASE_URL: url,
      REDIS_KEY_PREFIX: redisPrefix(t),
      AUTH_SECRET: randomBytes(32).toString('hex'),
    }
    const port = { current: '' }
    let api = await startApiProcess(t, env)
    port.current = api.url
    const opened = []
    for (let n = 0; n < 6; n += 1) opened.push(await registerOver(api.url, newEmail()))
    const clients = opened.map((tokens) => new RefreshingClient(() => [port.current], tokens))
    const over = new AbortController()
    const acknowledged = new Set(opened.map(({ sessionId }) => sessionId))
    const running = clients.map((client) => client.run(() => over.signal.aborted))
    const signingIn = (async () => {
      while (!over.signal.aborted) {
        const answer = await registerOver(port.current, newEmail()).catch(() => null)
        if (answer !== null) acknowledged.add(answer.sessionId)
        else await backOff(20)
      }
    })()

    for (let kills = 0; kills < 3; kills += 1) {
      const refreshes = () => clients.reduce((sum, client) => sum + client.refreshes, 0)
      const before = refreshes()
      await waitFor(() => refreshes() > before + 40, { what: 'refreshes under way', deadlineMs: 15_000 })
      await api.kill()
      api = await startApiProcess(t, env)
      port.current = api.url
    }
    over.abort()
    await Promise.all([...running, signingIn])
    for (const client of clients) {
      t.ok(await client.refreshUntilAnswered(Date.now() + 10_000), 'goes on with the token it holds')
      t.equal(client.endedBy, null)
    }
    const told = await owner<{ sessionId: string }[]>`
    SELECT session_id FROM outbox WHERE type = 'login.succeeded'
    UNION SELECT session_id FROM security_events WHERE type = 'login.succeeded'`
    const toldOf = new Set(told.map(({ sessionId }) => sessionId))
    t.same(
      [...acknowledged].filter((id) => !toldOf.has(id)),
      [],
      'no acknowledged sign-in without its event',
    )
    const again = await logInOver(api.url, newEmail())
    t.equal(again.status, 401, 'and the service answers')
  },
)
