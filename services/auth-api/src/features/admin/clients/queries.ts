import type { Sql } from '@latchkey/platform/database/client'
import type { NewServiceClient } from '@latchkey/platform/service-clients/service-client'
import type { ActingAdmin } from '../acting-admin.js'
import { originOf } from '../queries.js'

export async function insertClient(
  sql: Sql,
  admin: ActingAdmin,
  client: NewServiceClient & { id: string; secretHash: Buffer },
): Promise<void> {
  await sql`
    SELECT create_service_client(${admin.sessionId}::uuid, ${client.id}::uuid, ${client.name}, ${client.secretHash},
      ${client.audience}::text, ${[...client.scopes]}::text[], ${originOf(sql, admin)})`
}

/** The client's name; null when there is none with this id, or it is disabled. */
export async function replaceSecret(
  sql: Sql,
  admin: ActingAdmin,
  { id, secretHash, keepSeconds }: { id: string; secretHash: Buffer; keepSeconds: number },
): Promise<string | null> {
  const [row] = await sql<{ name: string | null }[]>`
    SELECT replace_client_secret(${admin.sessionId}::uuid, ${id}::uuid, ${secretHash}, ${keepSeconds}::integer,
      ${originOf(sql, admin)}) AS name`
  return row?.name ?? null
}

/** The client's name; null when there is none with this id, or it was disabled before. */
export async function disableClient(sql: Sql, admin: ActingAdmin, id: string): Promise<string | null> {
  const [row] = await sql<{ name: string | null }[]>`
    SELECT disable_service_client(${admin.sessionId}::uuid, ${id}::uuid, ${originOf(sql, admin)}) AS name`
  return row?.name ?? null
}
