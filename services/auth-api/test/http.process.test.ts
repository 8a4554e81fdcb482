// The process as an operator has it: what it says when it cannot start, and that it neither starts nor ends at a client's expense.
// Alone: its tests run side by side.
import { request as httpRequest } from 'node:http'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import { startApiProcess } from './support/api-process.js'
import { logInOver, refreshOver, registerOver, statusOf } from './support/over-http.js'
import { newEmail } from './support/session-driver.js'
import { createTcpGate } from './support/tcp-gate.js'

t.jobs = 2 // each has processes of its own and waits for them

t.test('settings that cannot be used: all at once, in words, exit code 78', async (t) => {
  const start = (env: Record<string, string>) => startApiProcess(t, env, { until: 'nothing' })
  const [api, unheeded, traitless] = await Promise.all([
    start({ DATABASE_URL: 'mysql://x', PORT: 'eight', LIMIT_LOGIN_ACCOUNT: 'many' }),
    start({ DATABASE_URL: 'postgres://lk@127.0.0.1/lk?sslmode=strange' }),
    start({ DATABASE_URL: 'postgres://lk@127.0.0.1/lk', TRAITS_SCHEMA: '/nowhere/traits.json' }),
  ])
  t.equal(await api.ended, 78)
  for (const name of ['DATABASE_URL', 'PORT', 'LIMIT_LOGIN_ACCOUNT']) t.match(api.output(), name)
  t.notMatch(api.output(), /at .*\.[jt]s/, 'no stack')

  t.equal(await unheeded.ended, 78)
  t.match(unheeded.output(), 'sslmode')
  t.notMatch(unheeded.output(), /at .*\.[jt]s/, 'no stack')

  t.equal(await traitless.ended, 78)
  t.match(traitless.output(), 'TRAITS_SCHEMA /nowhere/traits.json: the file cannot be read (ENOENT)')
})

t.test('starts, serves, and ends in order', async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t)
  const api = await startApiProcess(t, { DATABASE_URL: databaseUrl })

  await t.test('a port in use is one clear line, exit code 1', async (t) => {
    const { port } = new URL(api.url)
    const second = await startApiProcess(t, { DATABASE_URL: databaseUrl, PORT: port }, { until: 'nothing' })
    t.equal(await second.ended, 1)
    t.match(second.output(), `auth-api: Port ${port} is in use.`)
  })

  await t.test('the start-up summary shows the settings and no secret', async (t) => {
    const summary =
      api
        .output()
        .split('\n')
        .find((line) => line.includes('"msg":"starting"')) ?? ''
    t.match(JSON.parse(summary), {
      config: { authSecret: 'set', refreshTtlSeconds: 604_800 },
      node: process.version,
      traits: 'any',
    })
    t.notMatch(api.output(), databaseUrl)
  })

  await t.test('on SIGTERM what runs is answered, the port is closed, and the exit code is 0', async (t) => {
    await registerOver(api.url, newEmail())
    // A request whose body is still on its way when the signal comes.
    const pending = httpRequest(`${api.url}/api/v1/auth/refresh`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': 20 },
    })
    const answered = new Promise<{ status: number | undefined; connection: string | undefined }>(
      (resolve, reject) => {
        pending.on('response', (response) => {
          response.resume()
          resolve({ status: response.statusCode, connection: response.headers.connection })
        })
        pending.on('error', reject)
      },
    )
    pending.write('{"refreshToken"')
    await waitFor(
      async () => (await (await fetch(`${api.url}/metrics`)).text()).includes('http_requests_in_progress 2'),
      {
        what: 'the request to be in progress',
      },
    )
    process.kill(api.pid, 'SIGTERM')
    await waitFor(
      () =>
        fetch(`${api.url}/health`).then(
          () => false,
          () => true,
        ),
      { what: 'the port to close' },
    )
    pending.end(':"x"}')
    t.same(await answered, { status: 401, connection: 'close' })
    t.equal(await api.ended, 0)
    t.match(api.output(), '"msg":"shut down"')
  })
})

t.test('without Redis from the first moment', async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t)
  const serves = async (env: { REDIS_URL: string | undefined }): Promise<void> => {
    const api = await startApiProcess(t, { DATABASE_URL: databaseUrl, ...env })
    t.match(await (await fetch(`${api.url}/health/ready`)).json(), { status: 'degraded' })
    const session = await registerOver(api.url, newEmail())
    t.equal((await refreshOver(api.url, session.refreshToken)).status, 200)
    t.equal(await statusOf(api.url, session.accessToken), 200)
    t.match(await (await fetch(`${api.url}/metrics`)).text(), 'redis_degraded 1')
    t.equal(await api.stop(), 0)
  }
  await Promise.all([serves({ REDIS_URL: 'redis://127.0.0.1:1' }), serves({ REDIS_URL: undefined })])
})

t.test('PostgreSQL comes late, goes and comes back: 503 in between, and nobody signed out', async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t)
  const target = new URL(databaseUrl)
  const gate = await createTcpGate(t, { host: target.hostname, port: Number(target.port) })
  target.port = String(gate.port)
  const api = await startApiProcess(t, { DATABASE_URL: target.href }, { until: 'listening' })

  const isAway = async (): Promise<void> => {
    for (const path of ['/health/ready', '/.well-known/jwks.json', '/api/v1/auth/login']) {
      const answer = await fetch(`${api.url}${path}`, {
        ...(path.endsWith('login') && {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ email: 'a@example.com', password: 'x' }),
        }),
      })
      if (path.includes('jwks') && answer.status === 200) continue // known keys stay in use
      t.equal(answer.status, 503, path)
      t.ok(Number(answer.headers.get('retry-after')) >= 1)
      t.match(await answer.json(), { code: 'unavailable' })
    }
    t.equal((await fetch(`${api.url}/health`)).status, 200, 'alive all along')
  }
  const isReady = (): Promise<boolean> => fetch(`${api.url}/health/ready`).then(({ ok }) => ok)

  await isAway()
  t.match(api.output(), 'signing keys cannot be read yet')
  await gate.open()
  await waitFor(isReady, { what: 'the api to be ready' })
  const email = newEmail()
  const session = await registerOver(api.url, email)

  await gate.shut()
  await waitFor(async () => !(await isReady()), { what: 'the api to notice' })
  await isAway()
  t.equal(
    (await refreshOver(api.url, session.refreshToken)).status,
    503,
    'not 401: the client keeps its token',
  )
  t.equal(
    (await refreshOver(api.url, 'lk1.forged')).status,
    401,
    'a forged token is refused whatever is away',
  )

  await gate.open()
  await waitFor(isReady, { what: 'the api to be ready again' })
  t.equal((await refreshOver(api.url, session.refreshToken)).status, 200)
  t.equal(await statusOf(api.url, session.accessToken), 200)
  t.equal((await logInOver(api.url, email)).status, 200)
  t.equal(await api.stop(), 0)
})
