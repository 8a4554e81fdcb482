import type { Sql } from '@latchkey/platform/database/client'

/** Pages that are read at most: about 16 MiB, milliseconds, and exact for as long as the table is no larger. */
const sampledPages = 2000

/**
 * Sessions that can be refreshed. Exact up to about 25,000 sessions; beyond that an estimate from a sample of whole pages, the
 * same ones each time so that the figure does not flicker, with a standard error of about 2 %. A count would read the whole
 * table, and an index that could tell would end the heap-only updates.
 */
export async function estimateActiveSessions(sql: Sql): Promise<number> {
  const [size] = await sql<{ percent: number }[]>`
    SELECT least(100, 100.0 * ${sampledPages}
      / greatest(1, pg_relation_size('sessions') / current_setting('block_size')::int))::float8 AS percent`
  const percent = size?.percent ?? 100
  const [row] = await sql<{ active: number }[]>`
    SELECT count(*)::int AS active
    FROM sessions TABLESAMPLE SYSTEM (${percent}::float8) REPEATABLE (0)
    WHERE revoked_at IS NULL AND idle_expires_at > now() AND absolute_expires_at > now()`
  return Math.round(((row?.active ?? 0) * 100) / percent)
}
