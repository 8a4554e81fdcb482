import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/config.js'
import type { Sql } from '../database/client.js'
import type { Logger } from '../logging/logger.js'
import type { RedisHandle } from '../redis/client.js'
import { createDenylist } from '../redis/denylist.js'
import { createBoundedMap } from './bounded-map.js'
import { createCatchUp, trustMs } from './catch-up.js'
import { rebuildRevocationList } from './rebuild.js'
import { createSessionLookup } from './session-lookup.js'

/** Leeway of the access token's `exp` (security.md): a token is accepted for so long after it expired. */
const leewaySeconds = 30
const maxIdsPerPipeline = 1000
const rebuildRetryMs = 200
/** Timers may fire a little early, and clocks of two hosts run at slightly different speeds. */
const trustMarginMs = 50

export interface RevocationListOptions {
  readonly redis: RedisHandle
  readonly sql: Sql
  readonly config: Pick<Config, 'redisUrl' | 'redisKeyPrefix' | 'accessTokenTtlSeconds' | 'refreshTtlSeconds'>
  readonly log: Logger
}

export interface RevocationList {
  /**
   * Whether a session's access tokens are still good. Redis answers in one round trip, which also notes that the client holds
   * this generation; when its list is missing, incomplete or of another run of the server, PostgreSQL answers. Rejects when
   * neither can: it never takes silence for `live`.
   */
  check(sessionId: string, generation: number): Promise<'live' | 'revoked'>
  /**
   * To be called after the revocation is committed. When it resolves, `check` answers `revoked` in every process, whatever
   * happens to Redis: when Redis could not be told, it resolves after everyone's trust in the old list has run out (1 s).
   * Never rejects.
   */
  revoke(sessionIds: readonly string[]): Promise<void>
  /** Writes again what a process that died after its commit may have left unwritten. One attempt, and never rejects. */
  repeat(sessionIds: readonly string[]): Promise<void>
  /** Whether the client has shown that it holds this generation or a later one. False when Redis is away. */
  isConfirmed(sessionId: string, generation: bigint): Promise<boolean>
  /** For a session whose generations were lost and are counted anew: what was confirmed is of another past. Never rejects. */
  forgetConfirmation(sessionId: string): Promise<void>
}

export function createRevocationList({ redis, sql, config, log }: RevocationListOptions): RevocationList {
  const usesRedis = config.redisUrl !== null
  const windowSeconds = config.accessTokenTtlSeconds + leewaySeconds
  const denylist = createDenylist(redis.client, config.redisKeyPrefix, config.refreshTtlSeconds)
  const catchUp = createCatchUp({ denylist, sql, windowSeconds, log })
  const isLiveInPostgres = createSessionLookup(sql)
  // Nothing revives a revoked session, so that knowing it can't be outdated. `live` is never remembered.
  const knownRevoked = createBoundedMap<string, true>(10_000)
  const knownConfirmed = createBoundedMap<string, number>(20_000)
  let isRebuilding = false
  let nextRebuildAt = -Infinity

  async function rebuild(runId: string): Promise<void> {
    isRebuilding = true
    try {
      knownConfirmed.clear()
      const outcome = await rebuildRevocationList(denylist, sql, { runId, windowSeconds })
      if (outcome === 'completed') log.info('The revocation list in Redis was rebuilt from PostgreSQL')
    } catch (error) {
      log.warn(
        { err: error },
        'The revocation list in Redis could not be rebuilt; PostgreSQL answers instead',
      )
    } finally {
      isRebuilding = false
      nextRebuildAt = performance.now() + rebuildRetryMs
    }
  }

  /** Null when the list in Redis proves nothing. */
  async function askRedis(
    runId: string,
    sessionId: string,
    generation: number,
  ): Promise<'live' | 'revoked' | null> {
    const isCurrent = catchUp.isCurrent()
    const needsConfirmation = (knownConfirmed.get(sessionId) ?? 0) < generation
    const entry = needsConfirmation
      ? await denylist.readAndConfirm(sessionId, generation)
      : await denylist.read(sessionId)
    if (entry.isRevoked) return 'revoked'
    if (entry.epoch !== runId) {
      if (!isRebuilding && performance.now() >= nextRebuildAt) void rebuild(runId)
      return null
    }
    if ('isConfirmed' in entry && entry.isConfirmed) knownConfirmed.set(sessionId, generation)
    return isCurrent ? 'live' : null
  }

  async function tellRedis(sessionIds: readonly string[]): Promise<boolean> {
    for (const id of sessionIds) knownRevoked.set(id, true)
    try {
      for (let start = 0; start < sessionIds.length; start += maxIdsPerPipeline) {
        await denylist.add(sessionIds.slice(start, start + maxIdsPerPipeline), windowSeconds)
      }
      return true
    } catch (error) {
      log.warn({ err: error, sessions: sessionIds.length }, 'Revocations could not be written to Redis')
      return false
    }
  }

  return {
    async check(sessionId, generation) {
      if (knownRevoked.get(sessionId) === true) return 'revoked'
      const runId = redis.runId()
      const answer = runId === null ? null : await askRedis(runId, sessionId, generation).catch(() => null)
      if (answer !== null) return answer
      if (await isLiveInPostgres(sessionId)) return 'live'
      knownRevoked.set(sessionId, true)
      return 'revoked'
    },

    async revoke(sessionIds) {
      const isTold = usesRedis && (await tellRedis(sessionIds))
      if (usesRedis && !isTold) await sleep(trustMs + trustMarginMs)
    },

    async repeat(sessionIds) {
      if (usesRedis) await tellRedis(sessionIds)
    },

    async isConfirmed(sessionId, generation) {
      const confirmed = await denylist.confirmedGeneration(sessionId).catch(() => null)
      return confirmed !== null && confirmed >= generation
    },

    async forgetConfirmation(sessionId) {
      knownConfirmed.delete(sessionId)
      await denylist.forgetConfirmation(sessionId).catch(() => undefined)
    },
  }
}
