import type { Deps } from '../deps.js'
import { deleteOldAlerts } from './queries.js'

const batchSize = 1000

/** An alert goes when the last of its events does. */
export async function cleanAlerts(
  { config, sql }: Pick<Deps, 'config' | 'sql'>,
  signal: AbortSignal,
): Promise<void> {
  let deleted = batchSize
  while (deleted === batchSize && !signal.aborted)
    deleted = await deleteOldAlerts(sql, { keepDays: config.eventRetentionDays, limit: batchSize })
}
