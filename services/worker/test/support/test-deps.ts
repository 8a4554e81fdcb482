import type { Test } from 'tap'
import { createTestDatabase, type TestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { loadConfig, type Config } from '@latchkey/platform/config/config'
import type { Database } from '@latchkey/platform/database/client'
import { closeRedisDeps, closeStoreDeps, createDeps, type Deps } from '@latchkey/worker/deps'
import { recordLog, type LogLine } from './log-lines.js'
import { sharedRedisUrl, workerEnv } from './worker-env.js'

export type { LogLine } from './log-lines.js'

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
  const { log, lines } = recordLog()
  const deps = createDeps(config, { log })
  t.teardown(async () => {
    deps.mail.delivery?.close()
    await closeRedisDeps(deps)
    await closeStoreDeps(deps)
  })
  return { deps, db: database.owner, database, lines }
}
