import type { Sql } from '../database/client.js'
import type { PastRevocation } from '../redis/denylist.js'

/** Of these sessions, the ones that exist and are not revoked. */
export async function findLiveSessionIds(sql: Sql, ids: readonly string[]): Promise<Set<string>> {
  const rows = await sql<{ id: string }[]>`
    SELECT id FROM sessions WHERE id = ANY(${[...ids]}::uuid[]) AND revoked_at IS NULL`
  return new Set(rows.map(({ id }) => id))
}

export interface RevocationWindow {
  /** How far back to read. */
  readonly sinceSeconds: number
  /** How long after its revocation an access token of a session could be presented at most. */
  readonly windowSeconds: number
}

const pageSize = 1000

/**
 * Pages of the sessions revoked in the last `sinceSeconds`, by sessions_revoked_at_idx. Each page sees at least what was
 * committed when the reading began.
 */
export async function* readRevocations(
  sql: Sql,
  { sinceSeconds, windowSeconds }: RevocationWindow,
): AsyncGenerator<PastRevocation[]> {
  // As text, because a Date has milliseconds only.
  let after = { revokedAt: '-infinity', id: '00000000-0000-0000-0000-000000000000' }
  for (;;) {
    const page = await sql<(PastRevocation & { revokedAt: string })[]>`
      SELECT
        id,
        revoked_at::text AS revoked_at,
        ceil(extract(epoch FROM revoked_at + make_interval(secs => ${windowSeconds}) - now()) * 1000)::int AS remaining_ms
      FROM sessions
      WHERE revoked_at > now() - make_interval(secs => ${sinceSeconds})
        AND (revoked_at, id) > (${after.revokedAt}::text::timestamptz, ${after.id}::uuid)
      ORDER BY sessions.revoked_at, id
      LIMIT ${pageSize}`
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    if (page.length < pageSize) return
    after = last
  }
}
