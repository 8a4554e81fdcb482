import type { Metrics } from '../metrics/metrics.js'
import type { Database, QueryObserver } from './client.js'
import { databaseErrorType } from './errors.js'

/** Time and failures of each statement, by what it does to which table. */
export function observeQueries(metrics: Metrics): QueryObserver {
  return ({ operation, table }, durationSeconds, error) => {
    metrics.databaseQueryDurationSeconds.observe({ operation, table }, durationSeconds)
    if (error !== null) metrics.databaseErrorsTotal.inc({ operation, error_type: databaseErrorType(error) })
  }
}

/** Connections of each pool, by its name, read when Prometheus asks. */
export function observePools(
  metrics: Metrics,
  pools: Readonly<Record<string, Pick<Database, 'statistics'>>>,
): void {
  metrics.onScrape(metrics.dbPoolConnections, () => {
    for (const [pool, database] of Object.entries(pools)) {
      const { idle, active, waiting } = database.statistics()
      for (const [state, connections] of Object.entries({ idle, active, waiting })) {
        metrics.dbPoolConnections.set({ pool, state }, connections)
      }
    }
  })
}
