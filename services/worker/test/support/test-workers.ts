import type { Test } from 'tap'
import { createTestDatabase, type TestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import type { Config } from '@latchkey/platform/config/config'
import { startWorker } from '@latchkey/worker/worker'
import { createTestDeps, type TestWorld } from './test-deps.js'

export interface TestWorker extends TestWorld {
  stop(): Promise<void>
}

export interface Installation {
  readonly database: TestDatabase
  /** One more worker on the same database and the same Redis keys, stopped when the test ends. */
  startWorker(settings?: Partial<Config>): Promise<TestWorker>
}

export async function createInstallation(t: Test, common: Partial<Config> = {}): Promise<Installation> {
  const database = await createTestDatabase(t)
  const redisKeyPrefix = redisPrefix(t)
  return {
    database,
    async startWorker(settings = {}) {
      const world = await createTestDeps(t, { redisKeyPrefix, ...common, ...settings }, { database })
      const worker = startWorker(world.deps)
      let stopped: Promise<void> | null = null
      const stop = (): Promise<void> => (stopped ??= worker.stop(5000))
      t.teardown(stop)
      return { ...world, stop }
    },
  }
}
