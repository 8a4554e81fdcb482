import type { Deps } from '../../deps.js'
import { estimateActiveSessions } from './queries.js'

type StatsDeps = Pick<Deps, 'sql' | 'redis' | 'config' | 'metrics'>

/** Long enough for a few missed turns; then nobody claims to know. */
const keptSeconds = 300

const statsKey = (config: StatsDeps['config']) => `${config.redisKeyPrefix}stats:sessions-active`

/** Counts once for all workers and leaves the figure in Redis; without Redis each worker has its own. */
export async function refreshStats({ sql, redis, config, metrics }: StatsDeps): Promise<void> {
  const active = await estimateActiveSessions(sql)
  metrics.sessionsActive.set(active)
  if (redis.isAvailable()) await redis.client.set(statsKey(config), active, 'EX', keptSeconds)
}

/** At a scrape: the figure that some worker has left, so that all export the same. */
export async function readStats({ redis, config, metrics }: Omit<StatsDeps, 'sql'>): Promise<void> {
  if (!redis.isAvailable()) return
  const active = await redis.client.get(statsKey(config)).catch(() => null)
  if (active !== null) metrics.sessionsActive.set(Number(active))
}
