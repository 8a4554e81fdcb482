import {
  connectDatabase,
  type Database,
  type DatabaseConfig,
  type DatabaseOptions,
} from '@latchkey/platform/database/client'
import { testDatabaseConfig } from '@latchkey/devstack/testing/database'
import type { Test } from 'tap'

/** A pool with short timeouts that ends with the test. */
export function connectForTest(
  t: Test,
  url: string,
  options: Partial<DatabaseOptions> & { config?: Partial<DatabaseConfig> } = {},
): Database {
  const { config, ...rest } = options
  const timeouts = { dbConnTimeoutMs: 1000, dbStatementTimeoutMs: 2000 }
  const database = connectDatabase(
    { ...testDatabaseConfig(url), ...timeouts, ...config },
    { role: null, pool: 'transaction', applicationName: 'latchkey-platform-test', ...rest },
  )
  t.teardown(() => database.end({ timeout: 0 }))
  return database
}

/** How long `work` took until it rejected, and with what. */
export async function timeRejection(
  work: PromiseLike<unknown>,
): Promise<{ error: unknown; afterMs: number }> {
  const startedMs = performance.now()
  try {
    await work
  } catch (error) {
    return { error, afterMs: performance.now() - startedMs }
  }
  throw new Error('was expected to reject, and fulfilled')
}

/** The `code` of what `work` rejects with. */
export async function codeOf(work: PromiseLike<unknown>): Promise<unknown> {
  const { error } = await timeRejection(work)
  return error instanceof Error && 'code' in error ? error.code : error
}
