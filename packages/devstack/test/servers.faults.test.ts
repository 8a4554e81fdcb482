/** Fault tests stand on servers that die as in a power cut, come back with what they held, and never outlive their test. */
// Alone: it starts servers and processes of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findDescendants, identify } from '@latchkey/devstack/servers/process-identity'
import { onFreePort } from '@latchkey/devstack/servers/on-free-port'
import { startPostgres, type PostgresServer } from '@latchkey/devstack/servers/postgres'
import { startRedis } from '@latchkey/devstack/servers/redis'
import { startPrivatePostgres, startPrivateRedis } from '@latchkey/devstack/testing/private-servers'
import { plainNode } from '@latchkey/devstack/testing/plain-node'
import { waitFor } from '@latchkey/devstack/wait-for'
import { survivors } from './support/survivors.js'

/** For the tests to start a server in, one after the other: whoever comes first waits for the cluster to be made. */
const shared = t.testdir()

t.test('PostgreSQL is killed with all its processes and starts again', async (t) => {
  const server = await startPostgresIn(t, shared)
  const first = server.pid
  await server.kill()
  t.equal(identify(first), null)
  t.equal(await server.ended, 'signal SIGKILL')
  await server.start()
  t.not(server.pid, first)
  t.equal(await banner(server.port), 'R', 'asks for authentication')
  await server.stop()
  t.equal(await server.ended, 'exit code 0')
})

t.test('a pid that another program has by now does not keep PostgreSQL from starting', async (t) => {
  const server = await startPostgresIn(t, shared)
  await server.kill()
  const pidFile = join(shared, 'postgres/cluster/postmaster.pid')
  const [, ...rest] = readFileSync(pidFile, 'utf8').split('\n')
  writeFileSync(pidFile, [process.pid, ...rest].join('\n'))
  await server.start()
  t.equal(await banner(server.port), 'R')
})

t.test('Redis keeps what it was told through a SIGKILL', async (t) => {
  const server = await startPrivateRedis(t)
  const password = new URL(server.url).password
  t.match(await talk(server.port, 'PING\r\nQUIT\r\n'), /-NOAUTH/, 'a stranger on the machine is refused')
  await talk(server.port, `AUTH ${password}\r\nSET a 1\r\nCONFIG GET maxmemory-policy\r\nQUIT\r\n`)
  await server.kill()
  await server.start()
  const answer = await talk(
    server.port,
    `AUTH ${password}\r\nGET a\r\nCONFIG GET maxmemory-policy\r\nQUIT\r\n`,
  )
  t.match(answer, '\r\n1\r\n')
  t.match(answer, 'noeviction')
})

t.test('nothing of a private server is left after its test', async (t) => {
  let pids: number[] = []
  await t.test('inner', async (t) => {
    const [postgres, redis] = await Promise.all([startPrivatePostgres(t), startPrivateRedis(t)])
    pids = [postgres.pid, redis.pid, ...findDescendants(postgres.pid)]
    t.ok(pids.length > 3, 'PostgreSQL has processes of its own')
  })
  t.strictSame(survivors(pids), [])
})

for (const hasParentDeathSignal of [true, false]) {
  const how = hasParentDeathSignal ? 'the kernel tells them' : 'the next start stops them'
  t.test(`servers whose parent was killed do not stay: ${how}`, async (t) => {
    const bin = t.testdir({ setpriv: '#!/bin/sh\nexit 1\n' })
    chmodSync(join(bin, 'setpriv'), 0o755)
    const path = process.env.PATH ?? ''
    const pids = await startAndKillParent(shared, hasParentDeathSignal ? path : `${bin}:${path}`)
    if (hasParentDeathSignal && process.platform === 'linux')
      await waitFor(() => survivors(pids).length === 0, { what: 'the servers to end' })

    await startPostgresIn(t, shared)
    const redis = await onFreePort((port) =>
      startRedis({ dataDir: join(shared, 'redis'), port, appendOnly: false }),
    )
    t.teardown(redis.kill)
    t.strictSame(survivors(pids), [])
  })
}

async function startPostgresIn(t: Test, folder: string): Promise<PostgresServer> {
  const dataDir = join(folder, 'postgres')
  const server = await onFreePort((port) => startPostgres({ dataDir, port, settings: { fsync: 'off' } }))
  t.teardown(server.kill)
  return server
}

async function startAndKillParent(folder: string, path: string): Promise<number[]> {
  const script = join(import.meta.dirname, 'support/server-parent.js')
  const [command, ...args] = plainNode // killed, it could not tell its coverage
  const parent = spawn(command, [...args, script, folder], {
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  parent.stdout.on('data', (chunk) => (output += String(chunk)))
  await waitFor(() => output.endsWith('\n'), { what: 'the servers to start', deadlineMs: 60_000 })
  const pids = output.trim().split(' ').map(Number)
  parent.kill('SIGKILL')
  await once(parent, 'exit')
  return pids
}

/** The first byte of the answer to a start-up message for user "x". */
async function banner(port: number): Promise<string> {
  const parameters = Buffer.from('user\0x\0\0')
  const message = Buffer.alloc(8 + parameters.length)
  message.writeInt32BE(message.length, 0)
  message.writeInt32BE(196_608, 4) // protocol 3.0
  parameters.copy(message, 8)
  const socket = connect(port, '127.0.0.1')
  socket.write(message)
  const answer: unknown[] = await once(socket, 'data')
  socket.destroy()
  return String(answer[0]).slice(0, 1)
}

async function talk(port: number, words: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  socket.end(words)
  return (await socket.toArray()).join('')
}
