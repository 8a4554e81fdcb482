import type { Sql } from '../database/client.js'
import type { NewServiceClient } from './service-client.js'

/** A client as its operator sees it: without anything of its secret. */
export interface ServiceClientRow {
  id: string
  name: string
  audience: string | null
  scopes: string[]
  createdAt: Date
  disabledAt: Date | null
  /** To the minute. */
  lastUsedAt: Date | null
  /** Until when the secret before the last change is good; null when there is none. */
  previousSecretExpiresAt: Date | null
}

export async function insertServiceClient(
  sql: Sql,
  client: NewServiceClient & { id: string; secretHash: Buffer },
): Promise<void> {
  await sql`
    WITH created AS (
      INSERT INTO service_clients (id, name, secret_hash, audience, scopes)
      VALUES (${client.id}, ${client.name}, ${client.secretHash}, ${client.audience}, ${sql.array([...client.scopes])})
      RETURNING id, name, audience, scopes
    )
    INSERT INTO outbox (type, severity, data)
    SELECT 'client.created', 'notice',
      jsonb_build_object('clientId', id, 'name', name, 'audience', audience, 'scopes', to_jsonb(scopes))
    FROM created`
}

export async function listServiceClients(sql: Sql): Promise<ServiceClientRow[]> {
  return sql<ServiceClientRow[]>`
    SELECT id, name, audience, scopes, created_at, disabled_at, last_used_at,
      CASE WHEN previous_secret_expires_at > now() THEN previous_secret_expires_at END AS previous_secret_expires_at
    FROM service_clients
    ORDER BY name`
}

/** The name of the client whose secret was changed; null when there is none with this id, or it is disabled. */
export async function replaceClientSecret(
  sql: Sql,
  { id, secretHash, keepSeconds }: { id: string; secretHash: Buffer; keepSeconds: number },
): Promise<string | null> {
  const [row] = await sql<{ name: string }[]>`
    WITH rotated AS (
      UPDATE service_clients SET
        secret_hash = ${secretHash},
        previous_secret_hash = CASE WHEN ${keepSeconds}::int > 0 THEN secret_hash END,
        previous_secret_expires_at = CASE WHEN ${keepSeconds}::int > 0 THEN now() + make_interval(secs => ${keepSeconds}::int) END
      WHERE id = ${id} AND disabled_at IS NULL
      RETURNING id, name, previous_secret_expires_at
    ), told AS (
      INSERT INTO outbox (type, severity, data)
      SELECT 'client.secret_rotated', 'notice',
        jsonb_build_object('clientId', id, 'name', name, 'previousSecretExpiresAt', previous_secret_expires_at)
      FROM rotated
    )
    SELECT name FROM rotated`
  return row?.name ?? null
}

/** The name of the client that was disabled just now; null when there is none with this id, or it was disabled before. */
export async function disableServiceClient(sql: Sql, id: string): Promise<string | null> {
  const [row] = await sql<{ name: string }[]>`
    WITH disabled AS (
      UPDATE service_clients SET disabled_at = now() WHERE id = ${id} AND disabled_at IS NULL
      RETURNING id, name
    ), told AS (
      INSERT INTO outbox (type, severity, data)
      SELECT 'client.disabled', 'warning', jsonb_build_object('clientId', id, 'name', name) FROM disabled
    )
    SELECT name FROM disabled`
  return row?.name ?? null
}
