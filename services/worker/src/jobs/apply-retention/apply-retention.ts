import type { Deps } from '../../deps.js'
import { dropExpiredMonth, trimChain } from './queries.js'

/** A statement of that many takes a fraction of its time limit. */
const batchesPerStatement = 1000

/**
 * Drops the months of events that are older than EVENT_RETENTION_DAYS, and what of the chain was theirs alone. Each month is a transaction
 * of its own: others wait for milliseconds, and what is cut off goes on at the next turn.
 */
export async function applyRetention(
  { sql, config, log }: Pick<Deps, 'sql' | 'config' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  let partition = await dropExpiredMonth(sql, config.eventRetentionDays)
  while (partition !== null) {
    log.info({ partition }, 'partition of security_events dropped')
    partition = signal.aborted ? null : await dropExpiredMonth(sql, config.eventRetentionDays)
  }
  let trimmed = batchesPerStatement
  while (trimmed === batchesPerStatement && !signal.aborted)
    trimmed = await trimChain(sql, batchesPerStatement)
}
