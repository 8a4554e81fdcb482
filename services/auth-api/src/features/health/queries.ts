import type { Sql } from '@latchkey/platform/database/client'

export async function pingDatabase(sql: Sql): Promise<void> {
  await sql`SELECT 1`
}

export interface DatabaseFacts {
  version: string
  isReplica: boolean
}

export async function getDatabaseFacts(sql: Sql): Promise<DatabaseFacts> {
  const [facts] = await sql<DatabaseFacts[]>`
    SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS is_replica`
  if (facts === undefined) throw new Error('PostgreSQL answered without a row')
  return facts
}

export interface FoundReport {
  report: unknown
  measuredAt: Date
}

export async function findDatabaseReport(sql: Sql): Promise<FoundReport | null> {
  const [row] = await sql<FoundReport[]>`SELECT report, measured_at FROM database_reports`
  return row ?? null
}
