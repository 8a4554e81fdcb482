import type { DatabaseReport } from '@latchkey/contracts/database-report'
import type { Sql } from '@latchkey/platform/database/client'

type Part<Name extends keyof DatabaseReport> = DatabaseReport[Name] extends (infer Item)[] ? Item : never

/** Of a page, what is not its own header; and of a row, what is not its columns: header and line pointer. */
const pageHeaderBytes = 24
const rowHeaderBytes = 28
/** Smaller ones are not worth a word. */
const leastIndexBytes = 2 ** 20
const largeTableRows = 10_000
const mostAdvice = 10
const mostPartitions = 200
const mostStatements = 5
const shownCharacters = 300

export async function getDatabaseFacts(
  sql: Sql,
): Promise<Pick<DatabaseReport, 'bytes' | 'xidAge' | 'statisticsSince'>> {
  const [facts] = await sql<Pick<DatabaseReport, 'bytes' | 'xidAge' | 'statisticsSince'>[]>`
    SELECT pg_database_size(d.oid)::float8 AS bytes, age(d.datfrozenxid)::float8 AS xid_age, to_json(s.stats_reset) #>> '{}' AS statistics_since
    FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid
    WHERE d.datname = current_database()`
  if (facts === undefined) throw new Error('PostgreSQL answered without a row')
  return facts
}

/** Partitions count for the table that they belong to, so that there are as many rows next year as today. */
export async function listTables(sql: Sql): Promise<Part<'tables'>[]> {
  return sql<Part<'tables'>[]>`
    WITH leaf AS (
      SELECT c.oid, coalesce(pg_partition_root(c.oid)::oid, c.oid) AS root, pg_relation_size(c.oid) AS heap_bytes,
        greatest(c.reltuples, 0) AS tuples, c.reltuples >= 0 AS is_analyzed, c.relfrozenxid,
        coalesce((SELECT option_value::int FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'), 100) AS fillfactor
      FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    ), estimated AS (
      SELECT leaf.*, CASE WHEN is_analyzed AND (w.row_width IS NOT NULL OR tuples = 0) THEN greatest(0, heap_bytes
        - ceil(tuples * (coalesce(w.row_width, 0) + ${rowHeaderBytes}::int)
            / ((current_setting('block_size')::int - ${pageHeaderBytes}::int) * fillfactor / 100.0))
          * current_setting('block_size')::int) END AS bloat_bytes
      FROM leaf LEFT JOIN table_row_widths() w ON w.table_id = leaf.oid
    )
    SELECT root.relname AS name, count(*) FILTER (WHERE e.oid <> e.root)::float8 AS partitions,
      sum(pg_total_relation_size(e.oid))::float8 AS bytes, sum(pg_indexes_size(e.oid))::float8 AS index_bytes,
      sum(greatest(s.n_live_tup, 0))::float8 AS rows, sum(s.n_dead_tup)::float8 AS dead_rows, sum(e.bloat_bytes)::float8 AS bloat_bytes,
      to_json(max(greatest(s.last_vacuum, s.last_autovacuum))) #>> '{}' AS vacuumed_at,
      to_json(max(greatest(s.last_analyze, s.last_autoanalyze))) #>> '{}' AS analyzed_at,
      max(age(e.relfrozenxid))::float8 AS xid_age
    FROM estimated e JOIN pg_class root ON root.oid = e.root JOIN pg_stat_user_tables s ON s.relid = e.oid
    GROUP BY root.relname
    ORDER BY bytes DESC, name`
}

export async function listPartitions(sql: Sql): Promise<Part<'partitions'>[]> {
  return sql<Part<'partitions'>[]>`
    SELECT c.relname AS name, parent.relname AS table, pg_total_relation_size(c.oid)::float8 AS bytes,
      greatest(s.n_live_tup, 0)::float8 AS rows
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class parent ON parent.oid = i.inhparent
      JOIN pg_stat_user_tables s ON s.relid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    ORDER BY c.relname DESC
    LIMIT ${mostPartitions}`
}

export async function listUnusedIndexes(sql: Sql): Promise<Part<'unusedIndexes'>[]> {
  return sql<Part<'unusedIndexes'>[]>`
    SELECT s.indexrelname AS name, s.relname AS table, pg_relation_size(s.indexrelid)::float8 AS bytes
    FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid
    WHERE s.schemaname = 'public' AND s.idx_scan = 0 AND NOT i.indisunique AND NOT i.indisexclusion
      AND pg_relation_size(s.indexrelid) > ${leastIndexBytes}::bigint
    ORDER BY bytes DESC
    LIMIT ${mostAdvice}`
}

export async function listMissingIndexes(sql: Sql): Promise<Part<'missingIndexes'>[]> {
  return sql<Part<'missingIndexes'>[]>`
    SELECT relname AS table, seq_scan::float8 AS scans, round(seq_tup_read / seq_scan)::float8 AS rows_per_scan
    FROM pg_stat_user_tables
    WHERE schemaname = 'public' AND n_live_tup > ${largeTableRows}::bigint AND seq_scan > 0
      AND seq_tup_read / seq_scan > ${largeTableRows}::bigint
    ORDER BY seq_tup_read DESC
    LIMIT ${mostAdvice}`
}

/** Where pg_stat_statements is, when it is there and loaded. */
export async function findStatementsView(sql: Sql): Promise<string | null> {
  const [row] = await sql<{ view: string }[]>`
    SELECT n.nspname || '.pg_stat_statements' AS view
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_stat_statements'
      AND current_setting('pg_stat_statements.max', true) IS NOT NULL -- known only where its library is loaded`
  return row?.view ?? null
}

/** Constants are parameters in what it keeps, but not in ALTER ROLE … PASSWORD and its like, which are left out. */
export async function listSlowStatements(
  sql: Sql,
  view: string,
): Promise<DatabaseReport['slowStatements']['statements']> {
  return sql<DatabaseReport['slowStatements']['statements']>`
    SELECT left(regexp_replace(query, '\\s+', ' ', 'g'), ${shownCharacters}) AS query, calls::float8 AS calls,
      round(mean_exec_time::numeric, 3)::float8 AS mean_ms, round(total_exec_time::numeric, 1)::float8 AS total_ms
    FROM ${sql(view)}
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND query ~* '^\\s*(select|insert|update|delete|with|merge)\\M'
    ORDER BY total_exec_time DESC
    LIMIT ${mostStatements}`
}

export async function saveReport(sql: Sql, report: DatabaseReport): Promise<void> {
  await sql`
    INSERT INTO database_reports (report) VALUES (${JSON.stringify(report)}::text::jsonb)
    ON CONFLICT (only_one) DO UPDATE SET report = excluded.report, measured_at = now()`
}

export async function findReport(sql: Sql): Promise<unknown> {
  const [row] = await sql<{ report: unknown }[]>`SELECT report FROM database_reports`
  return row?.report ?? null
}
