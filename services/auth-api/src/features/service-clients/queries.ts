import type { Sql } from '@latchkey/platform/database/client'

export interface ServiceClientRow {
  id: string
  secretHash: Buffer
  /** Null unless it is still good. */
  previousSecretHash: Buffer | null
  audience: string | null
  scopes: string[]
  isDisabled: boolean
}

/** Of these clients, the ones that exist, by their ids. */
export async function findServiceClients(
  sql: Sql,
  ids: readonly string[],
): Promise<Map<string, ServiceClientRow>> {
  const rows = await sql<ServiceClientRow[]>`
    SELECT id, secret_hash, audience, scopes, disabled_at IS NOT NULL AS is_disabled,
      CASE WHEN previous_secret_expires_at > now() THEN previous_secret_hash END AS previous_secret_hash
    FROM service_clients
    WHERE id = ANY(${[...ids]}::uuid[])`
  return new Map(rows.map((row) => [row.id, row]))
}

/** To the minute: of several processes that note the same use, one writes. */
export async function updateClientLastUsed(sql: Sql, id: string): Promise<void> {
  await sql`
    UPDATE service_clients SET last_used_at = now()
    WHERE id = ${id} AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`
}
