import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { onFreePort } from '@latchkey/devstack/servers/on-free-port'
import { startRedis, type RedisServer } from '@latchkey/devstack/servers/redis'
import { testDatabaseConfig } from '@latchkey/devstack/testing/database'
import { connectDatabase, type Database, type DatabaseRole } from '@latchkey/platform/database/client'
import { createLogger, type Logger } from '@latchkey/platform/logging/logger'
import { createMetrics } from '@latchkey/platform/metrics/metrics'
import { connectRedis, type RedisHandle } from '@latchkey/platform/redis/client'
import { createRevocationList, type RevocationList } from '@latchkey/platform/revocation/revocation-list'

export const accessTokenTtlSeconds = 900

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

export function sharedRedisUrl(): string {
  const url = process.env['LATCHKEY_TEST_REDIS_URL']
  if (url === undefined) throw new Error('LATCHKEY_TEST_REDIS_URL is not set: npm test sets it')
  return url
}

/** A log that keeps its lines. */
export function recordLog(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as LogLine)
  return { log: createLogger({ logLevel: 'debug', logPretty: false }, 'auth-api', { write }), lines }
}

export function connectTestRedis(
  t: Test,
  redisUrl: string | null,
  options: { blocking?: boolean; log?: Logger; metrics?: ReturnType<typeof createMetrics> } = {},
): RedisHandle {
  const redis = connectRedis(
    { redisUrl },
    { name: 'test', log: recordLog().log, metrics: createMetrics('auth-api'), ...options },
  )
  t.teardown(() => redis.close())
  return redis
}

export function connectTestDatabase(t: Test, url: string, role: DatabaseRole | null = null): Database {
  const sql = connectDatabase(testDatabaseConfig(url), {
    role,
    pool: 'transaction',
    max: 4,
    applicationName: 'test',
  })
  t.teardown(() => sql.end({ timeout: 1 }))
  return sql
}

export interface Instance {
  readonly redis: RedisHandle
  readonly sql: Database
  readonly revocations: RevocationList
  readonly lines: readonly LogLine[]
  readonly keyPrefix: string
}

export interface InstanceOptions {
  readonly redisUrl: string | null
  readonly databaseUrl: string
  readonly keyPrefix: string
}

/** What one process of several has: its own connections and its own memory. */
export function startInstance(t: Test, { redisUrl, databaseUrl, keyPrefix }: InstanceOptions): Instance {
  const { log, lines } = recordLog()
  const redis = connectTestRedis(t, redisUrl, { log })
  const sql = connectTestDatabase(t, databaseUrl, 'latchkey_api')
  const config = {
    redisUrl,
    redisKeyPrefix: keyPrefix,
    accessTokenTtlSeconds,
    refreshTtlSeconds: 7 * 24 * 3600,
  }
  return { redis, sql, revocations: createRevocationList({ redis, sql, config, log }), lines, keyPrefix }
}

/** A Redis that keeps nothing but what `SAVE` wrote: after a kill it starts again with that older state. */
export async function startForgetfulRedis(t: Test): Promise<RedisServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-'))
  t.teardown(() => rm(dataDir, { recursive: true, force: true }))
  const server = await onFreePort((port) => startRedis({ dataDir, port, appendOnly: false }))
  t.teardown(() => server.kill())
  return server
}
