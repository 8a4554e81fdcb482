import type { Deps } from '../../deps.js'
import { createPartitions } from './queries.js'

/** Two months without any worker before events would land in the default partition. */
const monthsAhead = 2

export async function rollPartitions({ sql, log }: Pick<Deps, 'sql' | 'log'>): Promise<void> {
  const created = await createPartitions(sql, monthsAhead)
  if (created.length > 0) log.info({ partitions: created }, 'partitions of security_events created')
}
