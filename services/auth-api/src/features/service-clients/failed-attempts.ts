import { LimitExceeded } from '../../limits/limit-exceeded.js'
import type { Limits } from '../../limits/limits.js'
import type { RequestOrigin } from '../../request-origin.js'
import { LruMap } from 'toad-cache'

const maxBlockedAddresses = 5000

export interface FailedAttempts {
  /** Costs nothing, and throws `rate_limited` for an address that has failed too often. */
  assertMayTry(origin: RequestOrigin): void
  /** Counts a failure. @throws AppError rate_limited, from the first one above the limit on. */
  count(origin: RequestOrigin): Promise<void>
}

/**
 * Failures are counted by address and successes are not: a service may ask hundreds of times a second. That a failure is counted
 * after it was found and not before is safe, because nobody guesses 256 random bits; the limit is there to keep a stranger, or a
 * service with an old secret, from costing statements and events.
 */
export function createFailedAttempts(
  limits: Pick<Limits, 'addressKey' | 'consume' | 'settings'>,
  nowMs: () => number = () => performance.now(),
): FailedAttempts {
  const blockedUntilMs = new LruMap<number>(maxBlockedAddresses)

  return {
    assertMayTry({ ip }) {
      const leftMs = (blockedUntilMs.get(limits.addressKey(ip)) ?? -Infinity) - nowMs()
      if (leftMs > 0) throw new LimitExceeded(limits.settings.clientAddress.max, leftMs)
    },
    async count(origin) {
      const address = limits.addressKey(origin.ip)
      try {
        await limits.consume('clientAddress', address, origin)
      } catch (error) {
        if (error instanceof LimitExceeded)
          blockedUntilMs.set(address, nowMs() + (error.retryAfterSeconds ?? 1) * 1000)
        throw error
      }
    },
  }
}
