import type { Deps } from '../../deps.js'
import { createPartition } from './queries.js'

/** This month's, and the next two: two months without any worker before events land in the default partition. */
const monthsAhead = [0, 1, 2]

export async function rollPartitions({ sql, log }: Pick<Deps, 'sql' | 'log'>): Promise<void> {
  for (const months of monthsAhead) {
    const partition = await createPartition(sql, months)
    if (partition !== null) log.info({ partition }, 'partition of security_events created')
  }
}
