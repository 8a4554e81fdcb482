import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onFreePort } from '../servers/on-free-port.js'
import { startPostgres, type PostgresServer } from '../servers/postgres.js'
import { startRedis, type RedisServer } from '../servers/redis.js'

/** What these need of a tap test. */
export interface TestScope {
  readonly name: string
  teardown: (release: () => Promise<void>) => void
}

/**
 * A PostgreSQL that this test alone may kill, stop and start again; empty, and gone with the test. It never waits for the disk: what a
 * killed process has written is in the kernel's hands already, so that only a power cut could tell the difference.
 */
export async function startPrivatePostgres(
  t: TestScope,
  settings: Readonly<Record<string, string>> = {},
  { hasPrograms = false }: { hasPrograms?: boolean } = {},
): Promise<PostgresServer> {
  const dataDir = await temporaryFolder(t)
  // Programs of PostgreSQL 15 leave their folder to look for each other, and have to come back.
  if (hasPrograms) await chmod(dataDir, 0o711)
  const server = await onFreePort((port) =>
    startPostgres({ dataDir, port, hasPrograms, settings: { fsync: 'off', ...settings } }),
  )
  t.teardown(() => server.kill())
  return server
}

/** A Redis that this test alone may kill, stop and start again; what is written survives that, and is gone with the test. */
export async function startPrivateRedis(t: TestScope): Promise<RedisServer> {
  const dataDir = await temporaryFolder(t)
  const server = await onFreePort((port) => startRedis({ dataDir, port, appendOnly: true }))
  t.teardown(() => server.kill())
  return server
}

/** Registered first, so that it is removed last: teardowns run in reverse. */
async function temporaryFolder(t: TestScope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
