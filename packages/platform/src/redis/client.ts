import { randomInt } from 'node:crypto'
import { Redis, ReplyError, type RedisOptions } from 'ioredis'
import type { Config } from '../config/config.js'
import type { Logger } from '../logging/logger.js'
import type { Metrics } from '../metrics/metrics.js'
import { BatchingRedis } from './batching-client.js'
import { readServerFacts, type ServerFacts } from './server-facts.js'

/** Redis answers within a millisecond. Whoever waits for it in a request waits this long at most, then does without. */
const commandTimeoutMs = 250
/** A server that left every command of this long unanswered is treated as gone: the next commands fail at once. */
const silenceTimeoutMs = 500
const connectTimeoutMs = 1000
const longestRetryDelayMs = 2000
/** For the last answer, and then for the socket to close in good order. */
const quitTimeoutMs = 500

export interface RedisHandle {
  readonly client: Redis
  /** True while commands can be sent. A command may fail even so; one that is sent while it is false fails at once. */
  isAvailable(): boolean
  /**
   * Names the run of the server behind the present connection: what another run wrote may have come back from an older file,
   * or from a replica that lagged. Null while that is unknown, and with a server that evicts keys: then the absence of a key
   * proves nothing.
   */
  runId(): string | null
  /** Calls back with every change; answers a function that ends it. */
  onAvailabilityChange(listener: (isAvailable: boolean) => void): () => void
  close(): Promise<void>
}

export interface ConnectRedisOptions {
  /** Shown by `CLIENT LIST` and in the log. */
  readonly name: string
  readonly log: Logger
  readonly metrics: Pick<Metrics, 'redisDegraded'>
  /** For a consumer: its commands wait for Redis, as long as it takes, instead of failing. */
  readonly blocking?: boolean
}

/**
 * Connects, and goes on trying for ever. Never throws and never rejects: whoever needs Redis asks `isAvailable` or handles
 * the failed command. Without a `redisUrl` every command fails at once.
 */
export function connectRedis(
  config: Pick<Config, 'redisUrl'>,
  { name, log, metrics, blocking = false }: ConnectRedisOptions,
): RedisHandle {
  const client = createClient(config.redisUrl, name, blocking)
  const listeners = new Set<(isAvailable: boolean) => void>()
  let facts: ServerFacts | null = null
  let isAvailable = false
  let isSilent = config.redisUrl === null
  let outageStartedAt: number | null = null
  let connection = 0
  let hasWarnedOfEviction = false

  function setAvailable(next: boolean): void {
    if (!blocking) metrics.redisDegraded.set(next ? 0 : 1)
    if (isAvailable === next) return
    isAvailable = next
    for (const listener of listeners) listener(next)
  }

  function noteOutage(error: unknown): void {
    if (isSilent || outageStartedAt !== null) return
    outageStartedAt = performance.now()
    log.warn({ err: error, redis: name }, 'Redis is away')
  }

  function noteRecovery(): void {
    if (outageStartedAt === null) return
    log.info({ redis: name, awaySeconds: (performance.now() - outageStartedAt) / 1000 }, 'Redis is back')
    outageStartedAt = null
  }

  function warnOfEviction(server: ServerFacts): void {
    if (server.evictionPolicy === 'noeviction' || hasWarnedOfEviction) return
    hasWarnedOfEviction = true
    log.warn(
      { redis: name, maxmemoryPolicy: server.evictionPolicy },
      server.mayEvict
        ? 'Redis may evict keys, so revocations are read from PostgreSQL; set maxmemory-policy to noeviction'
        : 'Redis would evict keys if maxmemory were set; set maxmemory-policy to noeviction',
    )
  }

  async function describeServer(): Promise<ServerFacts | null> {
    try {
      return readServerFacts(await client.info())
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error
      log.warn(
        { err: error, redis: name },
        'Redis does not allow INFO, so revocations are read from PostgreSQL',
      )
      return null
    }
  }

  async function welcome(): Promise<void> {
    const current = ++connection
    try {
      const server = blocking ? null : await describeServer()
      if (current !== connection || client.status !== 'ready') return
      if (server !== null) warnOfEviction(server)
      facts = server
    } catch (error) {
      // It accepted the connection and then said nothing: the same as not being there.
      noteOutage(error)
      if (current === connection && client.status === 'ready') client.disconnect(true)
      return
    }
    noteRecovery()
    setAvailable(true)
  }

  client.on('ready', () => void welcome())
  client.on('error', noteOutage)
  client.on('close', () => {
    connection++
    facts = null
    setAvailable(false)
    noteOutage(new Error('The connection was closed'))
  })
  setAvailable(false)
  if (config.redisUrl === null) client.disconnect()

  return {
    client,
    isAvailable: () => isAvailable,
    runId: () => (facts === null || facts.mayEvict ? null : facts.runId),
    onAvailabilityChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      isSilent = true
      await endClient(client)
    },
  }
}

function createClient(url: string | null, name: string, blocking: boolean): Redis {
  const options = {
    connectionName: `latchkey:${name}`,
    disableClientInfo: true,
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: quitTimeoutMs,
    retryStrategy: (attempt: number) =>
      Math.min(25 * 2 ** Math.min(attempt, 10), longestRetryDelayMs) * (1 + randomInt(250) / 1000),
  } satisfies RedisOptions
  if (url === null) return new Redis({ ...options, lazyConnect: true, enableOfflineQueue: false })
  if (blocking) return new Redis(url, { ...options, maxRetriesPerRequest: null })
  return new BatchingRedis(url, {
    ...options,
    commandTimeout: commandTimeoutMs,
    socketTimeout: silenceTimeoutMs,
    enableOfflineQueue: false,
    // A command that a lost connection left unanswered fails then and there, and is never sent again later, when
    // another server may be listening.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  })
}

async function endClient(client: Redis): Promise<void> {
  // Between two attempts there is no socket whose end could be waited for.
  if (client.status === 'end' || client.status === 'reconnecting' || client.status === 'close') {
    client.disconnect()
    return
  }
  const ended = new Promise<void>((resolve) => void client.once('end', () => resolve()))
  if (client.status === 'ready') {
    const giveUp = setTimeout(() => client.disconnect(), quitTimeoutMs)
    await client.quit().catch(() => client.disconnect())
    clearTimeout(giveUp)
  } else {
    client.disconnect()
  }
  await ended
}
