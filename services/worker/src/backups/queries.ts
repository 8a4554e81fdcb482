import type { BackupFigureName } from '@latchkey/contracts/statistics'
import type { Sql } from '@latchkey/platform/database/client'

export async function findServerMajor(sql: Sql): Promise<number> {
  const [row] = await sql<{ major: number }[]>`
    SELECT current_setting('server_version_num')::int / 10000 AS major`
  if (row === undefined) throw new Error('PostgreSQL answered without a row')
  return row.major
}

export async function saveBackupFigures(
  sql: Sql,
  figures: Readonly<Record<BackupFigureName, number>>,
): Promise<void> {
  await sql`
    INSERT INTO statistics (name, value)
    SELECT figure.name, figure.value
    FROM unnest(${Object.keys(figures)}::text[], ${Object.values(figures).map(String)}::text[]::bigint[]) AS figure (name, value)
    ORDER BY figure.name
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, measured_at = now()`
}

export async function listBackupFigures(
  sql: Sql,
  names: readonly BackupFigureName[],
): Promise<{ name: BackupFigureName; value: bigint }[]> {
  return sql<{ name: BackupFigureName; value: bigint }[]>`
    SELECT name, value FROM statistics WHERE name = ANY (${[...names]}::text[])`
}

/** Tables, views, sequences and functions that are neither PostgreSQL's own nor an extension's; the first few. */
export async function listUserObjects(sql: Sql): Promise<{ name: string }[]> {
  return sql<{ name: string }[]>`
    SELECT format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
    UNION ALL
    SELECT format('%I.%I()', n.nspname, p.proname)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')
    ORDER BY name
    LIMIT 3`
}

export async function analyzeDatabase(sql: Sql): Promise<void> {
  await sql`ANALYZE`
}

/** As the function that `DELETE /me` and admins come to. False when there is no such user in the backup. */
export async function eraseAgain(sql: Sql, userId: string): Promise<boolean> {
  const [row] = await sql<{ found: boolean }[]>`
    SELECT erase_person(${userId}, NULL, NULL, NULL, NULL, NULL) IS NOT NULL AS found`
  return row?.found === true
}

/** Ends every session that was alive in the backup. How many they were. */
export async function endRestoredSessions(sql: Sql): Promise<number> {
  const [row] = await sql<{ ended: number }[]>`
    WITH ended AS (
      UPDATE sessions SET revoked_at = now(), revoke_reason = 'restored' WHERE revoked_at IS NULL RETURNING 1
    )
    SELECT count(*)::int AS ended FROM ended`
  return row?.ended ?? 0
}
