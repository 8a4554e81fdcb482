// oxlint-disable import/no-unassigned-import -- what these add to Fastify's types, tests see as well
import '@fastify/swagger'
import '@latchkey/auth-api/plugins/draining'
// oxlint-enable import/no-unassigned-import
import { createTestDatabase, type TestDatabase } from '@latchkey/devstack/testing/database'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { loadConfig, type Config } from '@latchkey/platform/config/config'
import type { Database } from '@latchkey/platform/database/client'
import type { InjectOptions } from 'fastify'
import type { App } from '@latchkey/auth-api/app-types'
import { buildApp } from '@latchkey/auth-api/app'
import { closeDeps, createDeps, type Deps, type DepsOverrides } from '@latchkey/auth-api/deps'
import { sharedRedisUrl, testEnv } from './test-env.js'

interface TestScope {
  readonly name: string
  teardown: (release: () => Promise<void>) => void
}

export interface CallOptions {
  body?: object | string
  /** Sent as a bearer. */
  token?: string
  headers?: Record<string, string>
  /** The address of the socket. */
  ip?: string
}

export interface ApiAnswer {
  status: number
  /** The JSON of the answer; an empty object when there is none. */
  body: Record<string, unknown>
  headers: Record<string, unknown>
}

export interface TestApp {
  app: App
  deps: Deps
  /** As the owner of the test's own database. */
  db: Database
  database: TestDatabase
  /** A path without a prefix of its own is one under /api/v1/auth. */
  api: (
    method: NonNullable<InjectOptions['method']>,
    path: string,
    options?: CallOptions,
  ) => Promise<ApiAnswer>
}

/**
 * The api as production builds it, on a database and Redis keys of the test's own, not listening. `settings` go over those of
 * tests; limits are generous unless they say otherwise. Everything is closed when the test ends.
 */
export async function createTestApp(
  t: TestScope,
  settings: Partial<Config> = {},
  shared: { database?: TestDatabase; overrides?: DepsOverrides } = {},
): Promise<TestApp> {
  const database = shared.database ?? (await createTestDatabase(t))
  const env = testEnv({
    DATABASE_URL: database.url,
    REDIS_URL: sharedRedisUrl(),
    REDIS_KEY_PREFIX: redisPrefix(t),
  })
  const deps = await createDeps({ ...loadConfig(env), ...settings }, shared.overrides)
  t.teardown(() => closeDeps(deps))
  const app = await buildApp(deps)
  t.teardown(() => app.close())
  await app.ready()

  return {
    app,
    deps,
    db: database.owner,
    database,
    async api(method, path, options = {}) {
      const answer = await app.inject({
        method,
        url: /^\/(api|health|metrics|\.well-known)/.test(path) ? path : `/api/v1/auth${path}`,
        headers: {
          ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
          ...options.headers,
        },
        ...(options.ip !== undefined && { remoteAddress: options.ip }),
        ...(options.body !== undefined && { payload: options.body }),
      })
      const isJson =
        answer.body !== '' && /^application\/(problem\+)?json/.test(String(answer.headers['content-type']))
      return { status: answer.statusCode, body: isJson ? answer.json() : {}, headers: answer.headers }
    },
  }
}
