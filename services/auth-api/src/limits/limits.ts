import { createHmac } from 'node:crypto'
import type { Config, Limit } from '@latchkey/platform/config/config'
import type { Keyring } from '@latchkey/platform/crypto/keyring'
import type { Logger } from '@latchkey/platform/logging/logger'
import type { RedisHandle } from '@latchkey/platform/redis/client'
import type { EventReporter } from '@latchkey/platform/security-events/event-reporter'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import { LruMap } from 'toad-cache'
import type { RequestOrigin } from '../request-origin.js'
import { addressBlock } from './address-block.js'
import { LimitExceeded } from './limit-exceeded.js'
import { createMemoryCounters } from './memory-counters.js'
import { createRedisCounters } from './redis-counters.js'

/** What is counted by address, and what by a key of the caller's. */
export type AddressLimitName = 'generalAddress' | 'loginAddress' | 'registerAddress' | 'resetAddress'
export type LimitName =
  | AddressLimitName
  | 'loginAccount'
  | 'mfaChallenge'
  | 'resetAccount'
  | 'exportAccount'
  | 'refreshSession'
  | 'clientAddress'

export interface Hit {
  /** How often the key was counted in this window, this time included. */
  readonly count: number
  /** Milliseconds until the window ends. */
  readonly resetMs: number
}

export interface Limits {
  readonly settings: Readonly<Record<LimitName, Limit>>
  /** Counts without judging. `key` may hold anything: only its keyed hash leaves this process. */
  hit(name: LimitName, key: string): Promise<Hit>
  /** The key of an address limit: IPv4 as it is, IPv6 by /64, which is what one customer gets (RFC 6177). */
  addressKey(ip: string): string
  /**
   * Counts, and throws `rate_limited` above the limit. By address: `consume('generalAddress', limits.addressKey(ip), origin)`.
   */
  consume(name: LimitName, key: string, origin: RequestOrigin): Promise<void>
  /** For a limit that is counted elsewhere and is exceeded. Tells of it once a key and window. @throws LimitExceeded always. */
  refuse(name: LimitName, key: string, resetMs: number, origin: RequestOrigin): Promise<never>
  /** Forgets what was counted for this key, and for no other. */
  clear(name: LimitName, key: string): Promise<void>
  /** Tells of a limit that was just exceeded; the caller does so once a key and window. */
  reportExceeded(name: LimitName, origin: RequestOrigin): void
}

/** One counter: its name in Redis, and its place in this process. */
interface CounterId {
  readonly hash: Buffer
  readonly redisKey: string
}

const maxIdentities = 5000

interface LimitDeps {
  config: Pick<
    Config,
    | 'redisKeyPrefix'
    | 'limitGeneralAddress'
    | 'limitLoginAddress'
    | 'limitRegisterAddress'
    | 'limitResetAddress'
    | 'limitResetAccount'
    | 'limitLoginAccount'
    | 'limitMfaChallenge'
    | 'limitExportAccount'
    | 'limitRefreshSession'
    | 'limitClientAddress'
  >
  keyring: Keyring
  redis: RedisHandle
  events: Pick<EventReporter, 'report'>
  log: Logger
}

/**
 * Fixed windows, counted in Redis so that all processes share them. While Redis is away each process counts for itself: a
 * limit gets looser by the number of processes then, and never opens.
 */
export function createLimits({ config, keyring, redis, events, log }: LimitDeps): Limits {
  const settings: Record<LimitName, Limit> = {
    generalAddress: config.limitGeneralAddress,
    loginAddress: config.limitLoginAddress,
    registerAddress: config.limitRegisterAddress,
    resetAddress: config.limitResetAddress,
    resetAccount: config.limitResetAccount,
    loginAccount: config.limitLoginAccount,
    mfaChallenge: config.limitMfaChallenge,
    exportAccount: config.limitExportAccount,
    refreshSession: config.limitRefreshSession,
    clientAddress: config.limitClientAddress,
  }
  const shared = createRedisCounters(redis)
  const own = createMemoryCounters()
  // An address comes back many times; its keyed hash costs as much as the rest of its count.
  const identities = new LruMap<CounterId>(maxIdentities)

  function identify(name: LimitName, key: string): CounterId {
    const id = `${name} ${key}`
    let known = identities.get(id)
    if (known === undefined) {
      const hash = createHmac('sha256', keyring.current.rateLimit).update(id).digest()
      known = { hash, redisKey: `${config.redisKeyPrefix}limit:${hash.toString('base64url', 0, 16)}` }
      identities.set(id, known)
    }
    return known
  }

  async function hit(name: LimitName, key: string): Promise<Hit> {
    const windowMs = settings[name].windowSeconds * 1000
    const { hash, redisKey } = identify(name, key)
    const counted = redis.isAvailable() ? await shared.increment(redisKey, windowMs) : null
    return counted ?? own.increment(name, hash, windowMs)
  }

  function reportExceeded(name: LimitName, origin: RequestOrigin): void {
    const event = newSecurityEvent('rate_limit.exceeded', { ...origin, data: { limit: name } })
    events.report(event).catch((error: unknown) => {
      log.warn({ err: error, limit: name }, 'an exceeded limit could not be reported')
    })
  }

  return {
    settings,
    hit,
    addressKey: addressBlock,
    reportExceeded,
    async clear(name, key) {
      const { hash, redisKey } = identify(name, key)
      own.clear(name, hash)
      if (redis.isAvailable()) await shared.clear(redisKey)
    },
    async refuse(name, key, resetMs, origin) {
      const { count } = await hit(name, `refused ${key}`)
      if (count === 1) reportExceeded(name, origin)
      throw new LimitExceeded(settings[name].max, resetMs)
    },
    async consume(name, key, origin) {
      const { count, resetMs } = await hit(name, key)
      const { max } = settings[name]
      if (count <= max) return
      if (count === max + 1) reportExceeded(name, origin)
      throw new LimitExceeded(max, resetMs)
    },
  }
}
