import type { Sql } from '@latchkey/platform/database/client'

export async function pingDatabase(sql: Sql): Promise<void> {
  await sql`SELECT 1`
}
