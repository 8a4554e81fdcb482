import type { StatisticName } from '@latchkey/contracts/statistics'
import type { Sql } from '@latchkey/platform/database/client'

/** Pages that are read at most: about 16 MiB, milliseconds, and exact for as long as the table is no larger. */
const sampledPages = 2000

/** So much of a table is read, in per cent: whole pages, the same ones each time so that a figure does not flicker. */
async function findSampledPercent(sql: Sql, table: 'sessions' | 'users'): Promise<number> {
  const [size] = await sql<{ percent: number }[]>`
    SELECT least(100, 100.0 * ${sampledPages}
      / greatest(1, pg_relation_size(${table}::text::regclass) / current_setting('block_size')::int))::float8 AS percent`
  return size?.percent ?? 100
}

/**
 * Sessions that can be refreshed. Exact up to about 25,000 sessions; beyond that an estimate with a standard error of about 2 %. A count
 * would read the whole table, and an index that could tell would end the heap-only updates.
 */
export async function estimateActiveSessions(sql: Sql): Promise<number> {
  const percent = await findSampledPercent(sql, 'sessions')
  const [row] = await sql<{ active: number }[]>`
    SELECT count(*)::int AS active
    FROM sessions TABLESAMPLE SYSTEM (${percent}::float8) REPEATABLE (0)
    WHERE revoked_at IS NULL AND idle_expires_at > now() AND absolute_expires_at > now()`
  return Math.round(((row?.active ?? 0) * 100) / percent)
}

export type UserFigures = Record<Exclude<StatisticName, 'sessions_active'>, number>

/** Exact up to about 100,000 users; beyond that an estimate. */
export async function estimateUsers(sql: Sql): Promise<UserFigures> {
  const percent = await findSampledPercent(sql, 'users')
  const [row] = await sql<Record<'total' | 'disabled' | 'unverified' | 'withFactor', number>[]>`
    SELECT count(*)::int AS total, count(disabled_at)::int AS disabled,
      (count(*) - count(email_verified_at))::int AS unverified, count(*) FILTER (WHERE mfa_enabled)::int AS with_factor
    FROM users TABLESAMPLE SYSTEM (${percent}::float8) REPEATABLE (0)`
  const estimate = (counted = 0): number => Math.round((counted * 100) / percent)
  return {
    users: estimate(row?.total),
    users_disabled: estimate(row?.disabled),
    users_unverified: estimate(row?.unverified),
    users_with_second_factor: estimate(row?.withFactor),
  }
}

/** For the api, which shows them and counts nothing. In the order of names: two workers at once wait for each other in one order. */
export async function saveStatistics(
  sql: Sql,
  figures: Readonly<Record<StatisticName, number>>,
): Promise<void> {
  const names = Object.keys(figures)
  await sql`
    INSERT INTO statistics (name, value)
    SELECT figure.name, figure.value FROM unnest(${names}::text[], ${Object.values(figures).map(String)}::text[]::bigint[]) AS figure (name, value)
    ORDER BY figure.name
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, measured_at = now()`
}
