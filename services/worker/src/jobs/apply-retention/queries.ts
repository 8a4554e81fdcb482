import type { Sql } from '@latchkey/platform/database/client'

/** Drops the oldest month of events that is over for so long; answers its name, or null when there is none. */
export async function dropExpiredMonth(sql: Sql, keepDays: number): Promise<string | null> {
  const [row] = await sql<{ name: string | null }[]>`SELECT drop_expired_security_events(${keepDays}) AS name`
  return row?.name ?? null
}

/** Takes out the oldest batches of the chain that have no event any more, so many at most; answers how many. */
export async function trimChain(sql: Sql, limit: number): Promise<number> {
  const [row] = await sql<{ trimmed: number }[]>`SELECT trim_audit_chain(${limit}) AS trimmed`
  return row?.trimmed ?? 0
}
