import type { Database, QueryObserver } from '@latchkey/platform/database/client'
import { databaseErrorType } from '@latchkey/platform/database/errors'
import type { Metrics } from '@latchkey/platform/metrics/metrics'

export function observeStatements(metrics: Metrics): QueryObserver {
  return ({ operation, table }, seconds, error) => {
    metrics.databaseQueryDurationSeconds.observe({ operation, table }, seconds)
    if (error === null) return
    metrics.databaseErrorsTotal.inc({ operation, error_type: databaseErrorType(error) })
  }
}

export function exportPools(metrics: Metrics, pools: Readonly<Record<string, Database>>): void {
  metrics.onScrape(metrics.dbPoolConnections, () => {
    for (const [pool, database] of Object.entries(pools)) {
      const { idle, active, waiting } = database.statistics()
      for (const [state, connections] of Object.entries({ idle, active, waiting })) {
        metrics.dbPoolConnections.set({ pool, state }, connections)
      }
    }
  })
}
