import type { Sql } from '@latchkey/platform/database/client'

/** Makes the partitions of this month and the `monthsAhead` next ones; answers the names of those that were not there. */
export async function createPartitions(sql: Sql, monthsAhead: number): Promise<string[]> {
  const rows = await sql<{ name: string | null }[]>`
    SELECT create_security_events_partition(now() + make_interval(months => month)) AS name
    FROM generate_series(0, ${monthsAhead}::int) AS month`
  return rows.flatMap(({ name }) => (name === null ? [] : [name]))
}
