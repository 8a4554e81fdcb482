/** One command starts all of Latchkey, and whatever ends it, nothing of it is left running and nothing stored is lost. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { identify } from '../src/servers/process-identity.js'
import { waitFor } from '../src/wait-for.js'
import { runStart } from './support/run-start.js'

const person = { email: 'ada@example.com', password: 'violet kettle orbits slowly' }

function post(url: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
}

function survivors(pids: readonly number[]): number[] {
  return pids.filter((pid) => identify(pid) !== null)
}

t.test('it serves, stops on Ctrl-C without a trace, and finds its data again', async (t) => {
  const folder = t.testdir()
  const first = runStart(t, folder)
  const url = await first.untilReady()
  t.equal((await fetch(`${url}/health/ready`)).status, 200)
  t.equal((await post(`${url}/api/v1/auth/register`, person)).status, 201)
  t.match(first.output(), `${url}/api-docs`)

  const pids = first.processes()
  t.ok(pids.length > 4, 'PostgreSQL, Redis, auth-api and the worker run')
  first.signal('SIGINT')
  t.equal(await first.ended, 0)
  t.strictSame(survivors(pids), [])

  const second = runStart(t, folder)
  t.equal((await post(`${await second.untilReady()}/api/v1/auth/login`, person)).status, 200)
  const third = runStart(t, folder)
  t.equal(await third.ended, 1, 'one start a folder')
  t.match(third.output(), `kill ${second.pid}`)
  t.equal(third.output().trim().split('\n').length, 1)

  second.signal('SIGTERM')
  t.equal(await second.ended, 0)
  const fresh = runStart(t, folder, { args: ['--fresh'] })
  t.equal((await post(`${await fresh.untilReady()}/api/v1/auth/login`, person)).status, 401)
})

t.test('what it keeps is for its owner alone', async (t) => {
  const folder = t.testdir()
  await runStart(t, folder).untilReady()
  const home = join(folder, '.latchkey')
  t.equal(statSync(home).mode & 0o777, 0o700)
  for (const file of ['auth-secret', 'database-password', 'env', 'postgres/password', 'redis/password']) {
    t.equal(statSync(join(home, file)).mode & 0o777, 0o600, file)
  }
})

t.test('two folders run side by side', async (t) => {
  const [one, other] = [runStart(t, t.testdir({ a: {} })), runStart(t, t.testdir({ b: {} }))]
  t.not(await one.untilReady(), await other.untilReady())
})

t.test('when a part ends by itself the others are stopped and it is named', async (t) => {
  const start = runStart(t, t.testdir())
  await start.untilReady()
  const pids = start.processes()
  process.kill(Number(pids.at(-1)), 'SIGKILL')
  t.equal(await start.ended, 1)
  t.match(start.output(), /(auth-api|worker|Redis|PostgreSQL) ended by itself/)
  t.strictSame(survivors(pids), [])
})

t.test('when it is killed itself its parts end, and the next start works at once', async (t) => {
  const folder = t.testdir()
  const killed = runStart(t, folder)
  await killed.untilReady()
  const pids = killed.processes()
  killed.signal('SIGKILL')
  t.equal(await killed.ended, 'SIGKILL')
  await runStart(t, folder).untilReady()
  await waitFor(() => survivors(pids).length === 0, { what: 'what the killed start has left to end' })
})

t.test('a machine without Redis is told so, and served', async (t) => {
  const bin = t.testdir(
    Object.fromEntries(
      ['id', 'setpriv']
        .filter((name) => existsSync(`/usr/bin/${name}`))
        .map((name) => [name, t.fixture('symlink', `/usr/bin/${name}`)]),
    ),
  )
  const start = runStart(t, bin, { env: { PATH: bin } })
  const url = await start.untilReady()
  t.match(start.output(), /Redis is missing: running without it/)
  t.equal((await post(`${url}/api/v1/auth/register`, person)).status, 201)
})
