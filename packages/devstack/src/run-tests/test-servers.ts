import { join } from 'node:path'
import { asSuperuser, withDatabase } from '../servers/as-superuser.js'
import { onFreePort } from '../servers/on-free-port.js'
import { startPostgres } from '../servers/postgres.js'
import { prepareDatabase } from '../servers/prepare-database.js'
import { createDatabase } from '../servers/queries.js'
import { findRedisBinary, findRedisInstaller, installRedis } from '../servers/redis-binary.js'
import { startRedis } from '../servers/redis.js'
import { StartError } from '../start-error.js'

export interface TestServers {
  /** Where the tests find them. */
  env: Record<string, string>
  kill: () => Promise<void>
}

const template = 'latchkey_template'

/**
 * Both servers, and a migrated database that test files clone. Nothing of it has to survive the machine, so nothing waits for the disk;
 * a SIGKILL of a server is survived all the same.
 */
export async function startTestServers(folder: string, log: (line: string) => void): Promise<TestServers> {
  const binary = findRedisBinary() ?? (await installRedis(log))
  if (binary === null) {
    const command = findRedisInstaller()?.command ?? 'the package redis or valkey of this system'
    throw new StartError(`the tests need Redis: install it with ${command}`)
  }
  const settings = { fsync: 'off', full_page_writes: 'off', max_connections: '400' }
  const dataDir = (name: string): string => join(folder, name)
  const started = await Promise.allSettled([
    onFreePort((port) => startPostgres({ dataDir: dataDir('postgres'), port, settings })),
    onFreePort((port) => startRedis({ dataDir: dataDir('redis'), port, appendOnly: false, binary })),
  ])
  const [postgres, redis] = started
  const kill = async (): Promise<void> => {
    for (const server of started) if (server.status === 'fulfilled') await server.value.kill()
  }
  try {
    if (postgres.status === 'rejected') throw postgres.reason
    if (redis.status === 'rejected') throw redis.reason
    const { url } = postgres.value
    await asSuperuser(url, (sql) => createDatabase(sql, template, 'postgres'))
    await prepareDatabase(withDatabase(url, template))
    return {
      env: {
        LATCHKEY_TEST_DATABASE_URL: url,
        LATCHKEY_TEST_TEMPLATE: template,
        LATCHKEY_TEST_REDIS_URL: redis.value.url,
      },
      kill,
    }
  } catch (error) {
    await kill()
    throw error
  }
}
