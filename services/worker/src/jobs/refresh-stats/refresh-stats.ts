import type { Deps } from '../../deps.js'
import { estimateActiveSessions, estimateUsers, saveStatistics } from './queries.js'

type StatsDeps = Pick<Deps, 'sql' | 'redis' | 'config' | 'metrics'>

/** Long enough for a few missed turns; then nobody claims to know. */
const keptSeconds = 300

const statsKey = (config: StatsDeps['config']) => `${config.redisKeyPrefix}stats:sessions-active`

/**
 * Counts once for all workers. The sessions are left in Redis for the scrapes; without Redis each worker has its own figure. All of it is
 * left in PostgreSQL for the admin API.
 */
export async function refreshStats({ sql, redis, config, metrics }: StatsDeps): Promise<void> {
  const active = await estimateActiveSessions(sql)
  metrics.sessionsActive.set(active)
  if (redis.isAvailable()) await redis.client.set(statsKey(config), active, 'EX', keptSeconds)
  await saveStatistics(sql, { ...(await estimateUsers(sql)), sessions_active: active })
}

/** At a scrape: the figure that some worker has left, so that all export the same. */
export async function readStats({ redis, config, metrics }: Omit<StatsDeps, 'sql'>): Promise<void> {
  if (!redis.isAvailable()) return
  const active = await redis.client.get(statsKey(config)).catch(() => null)
  if (active !== null) metrics.sessionsActive.set(Number(active))
}
