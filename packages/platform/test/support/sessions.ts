import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'

/** Sessions of one new user. */
export async function insertSessions(sql: Sql, count: number): Promise<string[]> {
  const userId = newId()
  const ids = Array.from({ length: count }, () => newId())
  await sql`INSERT INTO users (id, email) VALUES (${userId}, ${`${userId}@example.org`})`
  await sql`
    INSERT INTO sessions (id, user_id, idle_expires_at, absolute_expires_at)
    SELECT id, ${userId}, now() + interval '7 days', now() + interval '30 days' FROM unnest(${ids}::uuid[]) AS id`
  return ids
}

export async function insertSession(sql: Sql): Promise<string> {
  const [id] = await insertSessions(sql, 1)
  if (id === undefined) throw new Error('no session was inserted')
  return id
}

/** Commits the revocation, which is what comes before `revocations.revoke`. */
export async function revokeInPostgres(sql: Sql, ids: readonly string[], agoSeconds = 0): Promise<void> {
  await sql`
    UPDATE sessions SET revoked_at = now() - make_interval(secs => ${agoSeconds}), revoke_reason = 'logout'
    WHERE id = ANY(${[...ids]}::uuid[])`
}
