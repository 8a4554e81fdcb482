import type { AdminStats } from '@latchkey/contracts/http/admin'
import { statisticNames, type StatisticName } from '@latchkey/contracts/statistics'
import type { Deps } from '../../../deps.js'
import { countAdmins, listStatistics } from './queries.js'

/** What a worker has counted last; nobody who looks counts. */
export async function readStats({ sql }: Pick<Deps, 'sql'>): Promise<AdminStats> {
  const [rows, admins] = await Promise.all([listStatistics(sql, statisticNames), countAdmins(sql)])
  const values = new Map(rows.map(({ name, value }) => [name, Number(value)]))
  const valueOf = (name: StatisticName): number => values.get(name) ?? 0
  const [oldest] = rows.map(({ measuredAt }) => measuredAt.getTime()).toSorted((one, other) => one - other)
  return {
    users: {
      total: valueOf('users'),
      disabled: valueOf('users_disabled'),
      unverified: valueOf('users_unverified'),
      withSecondFactor: valueOf('users_with_second_factor'),
    },
    admins,
    sessions: { active: valueOf('sessions_active') },
    measuredAt: oldest === undefined ? null : new Date(oldest).toISOString(),
  }
}
