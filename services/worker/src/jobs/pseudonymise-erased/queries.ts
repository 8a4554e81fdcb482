import type { Sql } from '@latchkey/platform/database/client'

export interface ErasureRow {
  readonly userId: string
  readonly pseudonym: string
  /** How often somebody has looked for what is left of this user. */
  readonly looks: number
}

/** The erasures that are due longest, out of the way of other workers for `leaseSeconds`. */
export async function leaseErasures(
  sql: Sql,
  { limit, leaseSeconds }: { limit: number; leaseSeconds: number },
): Promise<ErasureRow[]> {
  return sql<ErasureRow[]>`
    WITH due AS (
      SELECT user_id FROM erasures WHERE due_at <= now() ORDER BY due_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
    )
    UPDATE erasures SET due_at = now() + make_interval(secs => ${leaseSeconds})
    FROM due WHERE erasures.user_id = due.user_id
    RETURNING erasures.user_id, pseudonym, looks`
}

/** Puts at most `limit` events of somebody who was erased under their pseudonym; answers how many. */
export async function pseudonymiseEvents(sql: Sql, userId: string, limit: number): Promise<number> {
  const [row] = await sql<{ changed: number }[]>`
    SELECT pseudonymise_events(${userId}::uuid, ${limit}) AS changed`
  return row?.changed ?? 0
}

export async function deleteSettledMailsOf(sql: Sql, userId: string): Promise<void> {
  await sql`DELETE FROM mails WHERE user_id = ${userId} AND settled_at IS NOT NULL`
}

export async function postponeErasure(sql: Sql, userId: string, seconds: number): Promise<void> {
  await sql`
    UPDATE erasures SET looks = looks + 1, due_at = now() + make_interval(secs => ${seconds}) WHERE user_id = ${userId}`
}

/** From here on nobody can tell whose pseudonym it was. */
export async function forgetErasure(sql: Sql, userId: string): Promise<void> {
  await sql`DELETE FROM erasures WHERE user_id = ${userId}`
}
