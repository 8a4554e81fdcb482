import type { Test } from 'tap'
import { createTestDatabase, type TestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { loadConfig, type Config } from '@latchkey/platform/config/config'
import type { Database } from '@latchkey/platform/database/client'
import { createLogger } from '@latchkey/platform/logging/logger'
import { closeRedisDeps, closeStoreDeps, createDeps, type Deps } from '../../src/deps.js'
import { sharedRedisUrl, workerEnv } from './worker-env.js'

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

export interface TestWorld {
  readonly deps: Deps
  /** As the owner of the test's own database. */
  readonly db: Database
  readonly database: TestDatabase
  readonly lines: readonly LogLine[]
}

/** What a worker stands on, as production makes it, over a database and Redis keys of the test's own. */
export async function createTestDeps(
  t: Test,
  settings: Partial<Config> = {},
  shared: Partial<Pick<TestWorld, 'database'>> = {},
): Promise<TestWorld> {
  const database = shared.database ?? (await createTestDatabase(t))
  const env = workerEnv({
    DATABASE_URL: database.url,
    REDIS_URL: sharedRedisUrl(),
    REDIS_KEY_PREFIX: redisPrefix(t),
  })
  const config = { ...loadConfig(env), ...settings }
  const lines: LogLine[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as LogLine)
  const deps = createDeps(config, {
    log: createLogger({ logLevel: 'debug', logPretty: false }, 'worker', { write }),
  })
  t.teardown(async () => {
    await closeRedisDeps(deps)
    await closeStoreDeps(deps)
  })
  return { deps, db: database.owner, database, lines }
}
