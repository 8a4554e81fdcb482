import type { Database, QueryObserver } from '@latchkey/platform/database/client'
import { databaseErrorType } from '@latchkey/platform/database/errors'
import type { Metrics } from '@latchkey/platform/metrics/metrics'

/** Time and failures of each statement, by what it does to which table. */
export function observeQueries(metrics: Metrics): QueryObserver {
  return ({ operation, table }, durationSeconds, error) => {
    metrics.databaseQueryDurationSeconds.observe({ operation, table }, durationSeconds)
    if (error !== null) metrics.databaseErrorsTotal.inc({ operation, error_type: databaseErrorType(error) })
  }
}

export function observePool(metrics: Metrics, pool: string, database: Pick<Database, 'statistics'>): void {
  metrics.onScrape(metrics.dbPoolConnections, () => {
    const { idle, active, waiting } = database.statistics()
    metrics.dbPoolConnections.set({ pool, state: 'idle' }, idle)
    metrics.dbPoolConnections.set({ pool, state: 'active' }, active)
    metrics.dbPoolConnections.set({ pool, state: 'waiting' }, waiting)
  })
}
