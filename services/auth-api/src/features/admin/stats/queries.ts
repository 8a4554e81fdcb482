import type { StatisticName } from '@latchkey/contracts/statistics'
import type { Sql } from '@latchkey/platform/database/client'

export interface StatisticRow {
  name: string
  value: bigint
  measuredAt: Date
}

export async function listStatistics(sql: Sql, names: readonly StatisticName[]): Promise<StatisticRow[]> {
  return sql<StatisticRow[]>`
    SELECT name, value, measured_at FROM statistics WHERE name = ANY (${[...names]}::text[])`
}

/** Counted here and now, because they are few and a matter of security. */
export async function countAdmins(sql: Sql): Promise<number> {
  const [row] = await sql<{ admins: number }[]>`
    SELECT count(*)::int AS admins FROM users
    WHERE roles <> '{user}' AND 'admin' = ANY (roles) AND disabled_at IS NULL`
  return row?.admins ?? 0
}
