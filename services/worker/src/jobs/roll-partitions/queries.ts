import type { Sql } from '@latchkey/platform/database/client'

/** Makes the partition of the month that lies `monthsAhead`; answers its name, or null when it was there. */
export async function createPartition(sql: Sql, monthsAhead: number): Promise<string | null> {
  const [row] = await sql<{ name: string | null }[]>`
    SELECT create_security_events_partition(now() + make_interval(months => ${monthsAhead})) AS name`
  return row?.name ?? null
}
