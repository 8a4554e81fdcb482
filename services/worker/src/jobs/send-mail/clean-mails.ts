import type { Deps } from '../../deps.js'
import { deleteSettledMails, failOldMails } from './queries.js'

/** Longer than mail servers are away; news that is older would only puzzle. */
const maxAgeSeconds = 3 * 24 * 3600
/** For questions such as "was I told?". */
const keepSeconds = 30 * 24 * 3600
const batchSize = 1000

/** Gives up what could not be sent for days, and forgets what was settled a month ago. */
export async function cleanMails(
  { log, metrics, sql }: Pick<Deps, 'log' | 'metrics' | 'sql'>,
  signal: AbortSignal,
): Promise<void> {
  let taken = batchSize
  while (taken === batchSize && !signal.aborted) {
    const failed = await failOldMails(sql, { maxAgeSeconds, limit: batchSize })
    for (const { eventId, template } of failed) {
      metrics.mailSentTotal.inc({ template, status: 'failed' })
      log.error({ eventId, template }, 'A mail could not be sent for three days and is given up')
    }
    taken = failed.length
  }
  taken = batchSize
  while (taken === batchSize && !signal.aborted)
    taken = await deleteSettledMails(sql, { keepSeconds, limit: batchSize })
}
