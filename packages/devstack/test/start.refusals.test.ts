/** What keeps `npm start` from starting is one clear line with what to do, before anything slow has begun. */
// Alone: it starts servers and processes of its own.
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { runStart } from './support/run-start.js'

t.test('a port in use', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' ? String(address?.port) : ''
  const folder = t.testdir()
  for (const name of ['PORT', 'WORKER_PORT']) {
    const start = runStart(t, folder, { env: { [name]: port } })
    t.equal(await start.ended, 1)
    t.match(start.output(), new RegExp(`^Port ${port} is in use: .*${name}=\\d+ npm start\n$`))
  }
  t.notOk(existsSync(join(folder, '.latchkey/postgres')), 'nothing was started')
})

t.test('settings that cannot be', async (t) => {
  const start = runStart(t, t.testdir(), { env: { PORT: 'eight', REFRESH_TTL: '7 days' } })
  t.equal(await start.ended, 78)
  t.match(start.output(), 'PORT')
  t.match(start.output(), 'REFRESH_TTL', 'all of them at once')
})

t.test('one port for both services', async (t) => {
  const start = runStart(t, t.testdir(), { env: { PORT: '18000', WORKER_PORT: '18000' } })
  t.equal(await start.ended, 78)
  t.match(start.output(), /^PORT and WORKER_PORT are both 18000.*\n$/)
})

t.test('a schema of traits that cannot be used', async (t) => {
  const folder = t.testdir({ 'traits.json': '{"type": "object", "properties": {"a": {"typ": "string"}}}' })
  const start = runStart(t, folder, { env: { TRAITS_SCHEMA: join(folder, 'traits.json') } })
  t.equal(await start.ended, 78)
  t.match(
    start.output(),
    /^TRAITS_SCHEMA \S+traits\.json, at \/properties\/a\/typ: is not a keyword[^\n]*\n$/,
  )
})

t.test('a DATABASE_URL that leads nowhere', async (t) => {
  const start = runStart(t, t.testdir(), { env: { DATABASE_URL: 'postgres://u:secret@127.0.0.1:9/x' } })
  t.equal(await start.ended, 1)
  t.match(start.output(), 'The database cannot be prepared')
  t.notMatch(start.output(), 'secret')
})

t.test('an argument that it does not know', async (t) => {
  const start = runStart(t, t.testdir(), { args: ['--frehs'], env: { CI: 'true' } })
  t.equal(await start.ended, 1)
  t.match(start.output(), /^--frehs is unknown.*\n$/, 'without colours in a pipe, in a CI as well')
})
