import type { Static } from 'typebox'
import type { Deps } from '../../deps.js'
import type { DatabaseHealth, Health } from './answers.js'
import { describeMaintenance } from './describe-maintenance.js'
import { getDatabaseFacts } from './queries.js'
import type { Readiness } from './readiness.js'

type HealthDeps = Pick<Deps, 'sql' | 'redis' | 'signingKeys'>

/** What anybody may know. */
export async function describeStatus(
  { redis }: Pick<Deps, 'redis'>,
  readiness: Readiness,
): Promise<Static<typeof Health>> {
  const { isUp } = await readiness.lookAtDatabase()
  return { status: !isUp ? 'unavailable' : redis.isAvailable() ? 'ok' : 'degraded' }
}

/** What operators may know as well. */
export async function describeHealth(deps: HealthDeps, readiness: Readiness): Promise<Static<typeof Health>> {
  const [{ status }, database] = await Promise.all([
    describeStatus(deps, readiness),
    describeDatabase(deps, readiness),
  ])
  return {
    status,
    uptimeSeconds: Math.floor(process.uptime()),
    nodeVersion: process.version,
    memoryBytes: process.memoryUsage.rss(),
    database,
    pool: deps.sql.statistics(),
    redis: { status: deps.redis.isAvailable() ? 'up' : 'down' },
    ...describeSigningKey(deps),
    ...(database.status === 'up' && (await describeMaintenance(deps))),
  }
}

export async function describeDatabase(
  { sql }: Pick<Deps, 'sql'>,
  readiness: Readiness,
): Promise<Static<typeof DatabaseHealth>> {
  const { isUp, latencyMs } = await readiness.lookAtDatabase()
  if (!isUp) return { status: 'down', latencyMs }
  const facts = await getDatabaseFacts(sql)
  return { status: 'up', latencyMs, ...facts }
}

/** Nothing while no key could be read. */
function describeSigningKey({
  signingKeys,
}: Pick<Deps, 'signingKeys'>): Pick<Static<typeof Health>, 'signingKey'> {
  try {
    const { kid, algorithm } = signingKeys.current()
    return { signingKey: { kid, algorithm, ageSeconds: signingKeys.ageSeconds() } }
  } catch {
    return {}
  }
}
