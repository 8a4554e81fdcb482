import type { Sql } from '@latchkey/platform/database/client'

/** Pages of the heap of `sessions` right now. Rows that are added later are young and none of the cleanup's business. */
export async function countSessionPages(sql: Sql): Promise<number> {
  const [row] = await sql<{ pages: number }[]>`
    SELECT (pg_relation_size('sessions') / current_setting('block_size')::bigint)::int AS pages`
  return row?.pages ?? 0
}

export interface SessionRange {
  /** A ctid such as `(17,3)`: the first row of the range. */
  from: string
  /** The first page behind the range. */
  beforePage: number
  limit: number
  /** A revoked session stays this long: until then the denylist may have to be rebuilt from it. */
  keepRevokedSeconds: number
}

export interface DeletedSessions {
  expired: number
  revoked: number
  /** The ctid of the last row deleted. */
  last: string | null
}

/**
 * Deletes at most `limit` ended sessions of a range of the heap, in one statement and so in one short transaction.
 * FOR UPDATE checks the newest version of a row before it locks it: a session that was refreshed meanwhile has not ended and
 * stays. Rows that someone else has locked are skipped. The rows that are left are ours until the commit.
 * The commit need not reach the disk before the answer: what a crash brings back is deleted by the next run.
 */
export const endedSessionsDeletion = (sql: Sql, range: SessionRange) => sql<DeletedSessions[]>`
  WITH deleted AS (
    DELETE FROM sessions WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM sessions
      WHERE ctid >= ${range.from}::tid AND ctid < ${`(${range.beforePage},0)`}::tid
        AND CASE WHEN revoked_at IS NULL
          THEN idle_expires_at <= now() OR absolute_expires_at <= now()
          ELSE revoked_at <= now() - make_interval(secs => ${range.keepRevokedSeconds}) END
      LIMIT ${range.limit}
      FOR UPDATE SKIP LOCKED))
    RETURNING ctid, revoked_at
  )
  SELECT
    count(*) FILTER (WHERE revoked_at IS NULL)::int AS expired,
    count(revoked_at)::int AS revoked,
    max(ctid)::text AS last,
    set_config('synchronous_commit', 'off', true)
  FROM deleted`

export async function deleteEndedSessions(sql: Sql, range: SessionRange): Promise<DeletedSessions> {
  const [row] = await endedSessionsDeletion(sql, range)
  return row ?? { expired: 0, revoked: 0, last: null }
}

/** What ends by itself: its table, the column that names a row, and the one that says when its time was over. */
export const endingRows = {
  one_time_token: { table: 'one_time_tokens', key: 'id', time: 'expires_at' },
  sign_in_challenge: { table: 'sign_in_challenges', key: 'token_hash', time: 'expires_at' },
  passkey_challenge: { table: 'passkey_challenges', key: 'challenge_hash', time: 'expires_at' },
  federation_step: { table: 'federation_steps', key: 'token_hash', time: 'expires_at' },
  remembered_device: { table: 'remembered_devices', key: 'id', time: 'expires_at' },
  guess_counter: { table: 'guess_counters', key: 'subject', time: 'open_at' },
} as const
export type EndingKind = keyof typeof endingRows

/** Deletes at most `limit` rows whose time was over `keepSeconds` ago, the oldest first; answers how many. */
export async function deleteEnded(
  sql: Sql,
  kind: EndingKind,
  { limit, keepSeconds }: { limit: number; keepSeconds: number },
): Promise<number> {
  const { table, key, time } = endingRows[kind]
  const [row] = await sql<[{ deleted: number }]>`
    WITH deleted AS (
      DELETE FROM ${sql(table)} WHERE ${sql(key)} = ANY (ARRAY(
        SELECT ${sql(key)} FROM ${sql(table)}
        WHERE ${sql(time)} <= now() - make_interval(secs => ${keepSeconds})
        ORDER BY ${sql(time)}
        LIMIT ${limit}
        FOR UPDATE SKIP LOCKED))
      RETURNING 1
    )
    SELECT count(*)::int AS deleted, set_config('synchronous_commit', 'off', true) FROM deleted`
  return row.deleted
}
