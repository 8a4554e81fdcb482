import { DatabaseReport } from '@latchkey/contracts/database-report'
import { compileSchema } from '@latchkey/platform/validation/compile-schema'
import type { Deps } from '../../deps.js'
import {
  findReport,
  findStatementsView,
  getDatabaseFacts,
  listMissingIndexes,
  listPartitions,
  listSlowStatements,
  listTables,
  listUnusedIndexes,
  saveReport,
} from './queries.js'

const reportSchema = compileSchema(DatabaseReport)

/** Looks once for all workers and leaves what it finds in PostgreSQL, for the api and for scrapes: nobody who asks makes it look. */
export async function reportOnDatabase({ sql }: Pick<Deps, 'sql'>): Promise<void> {
  const view = await findStatementsView(sql)
  await saveReport(sql, {
    ...(await getDatabaseFacts(sql)),
    tables: await listTables(sql),
    partitions: await listPartitions(sql),
    unusedIndexes: await listUnusedIndexes(sql),
    missingIndexes: await listMissingIndexes(sql),
    slowStatements:
      view === null
        ? { source: 'not_installed', statements: [] }
        : { source: 'pg_stat_statements', statements: await listSlowStatements(sql, view) },
  })
}

/** At a scrape: what some worker has left. One that was left by another version may say other things, and then says nothing. */
export async function showReport({ sql, metrics }: Pick<Deps, 'sql' | 'metrics'>): Promise<void> {
  const report = await findReport(sql)
  if (!reportSchema.matches(report)) return
  metrics.databaseSizeBytes.set(report.bytes)
  metrics.databaseXidAge.set(report.xidAge)
  const { databaseTableSizeBytes, databaseTableBloatBytes, databaseTableDeadRows } = metrics
  for (const gauge of [databaseTableSizeBytes, databaseTableBloatBytes, databaseTableDeadRows]) gauge.reset()
  for (const { name: table, bytes, bloatBytes, deadRows } of report.tables) {
    databaseTableSizeBytes.set({ table }, bytes)
    databaseTableDeadRows.set({ table }, deadRows)
    if (bloatBytes !== null) databaseTableBloatBytes.set({ table }, bloatBytes)
  }
}
