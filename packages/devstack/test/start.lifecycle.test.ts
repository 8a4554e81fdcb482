/** One command starts all of Latchkey, one Ctrl-C stops it without a trace, and what was stored is there the next time. */
// Alone: it starts servers and processes of its own.
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { survivors } from './support/survivors.js'
import { authClient } from './support/auth-client.js'
import { runStart } from './support/run-start.js'

t.test('from nothing to ready, out again without a trace, and back with its data', async (t) => {
  const folder = t.testdir()
  const first = runStart(t, folder)
  const url = await first.untilReady()
  t.equal((await fetch(`${url}/health/ready`)).status, 200)
  t.equal(await authClient(url).register(), 201)
  t.match(first.output(), `${url}/api-docs`)

  const home = join(folder, '.latchkey')
  t.equal(statSync(home).mode & 0o777, 0o700, 'its folder is for its owner alone')
  for (const file of ['auth-secret', 'database-password', 'env', 'postgres/password', 'redis/password']) {
    t.equal(statSync(join(home, file)).mode & 0o777, 0o600, file)
  }

  const pids = first.processes()
  t.ok(pids.length > 4, 'PostgreSQL, Redis, auth-api and the worker run')
  first.signal('SIGINT')
  t.equal(await first.ended, 0)
  t.strictSame(survivors(pids), [])

  const second = runStart(t, folder)
  t.equal(await authClient(await second.untilReady()).login(), 200)

  const third = runStart(t, folder)
  t.equal(await third.ended, 1, 'one start a folder')
  t.match(third.output(), new RegExp(`^npm start runs in this folder already: .* kill ${second.pid}\n$`))
  second.signal('SIGTERM')
  t.equal(await second.ended, 0)
})

t.test('a machine without Redis is told so, and served, from the database that it names', async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t, { isEmpty: true })
  const bin = t.testdir({
    id: t.fixture('symlink', '/usr/bin/id'),
    setpriv: t.fixture('symlink', '/usr/bin/setpriv'),
  })
  const start = runStart(t, bin, { env: { PATH: bin, DATABASE_URL: databaseUrl } })
  const url = await start.untilReady()
  t.match(start.output(), /Redis is missing: running without it/)
  t.notOk(existsSync(join(bin, '.latchkey/postgres')), 'and no other is started')
  t.equal(await authClient(url).register(), 201)
})
