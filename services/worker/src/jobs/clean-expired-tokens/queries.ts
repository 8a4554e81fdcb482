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

/** Deletes at most `limit` expired one-time tokens, the oldest first; answers how many. */
export async function deleteExpiredOneTimeTokens(sql: Sql, limit: number): Promise<number> {
  const [row] = await sql<{ deleted: number }[]>`
    WITH deleted AS (
      DELETE FROM one_time_tokens WHERE id = ANY (ARRAY(
        SELECT id FROM one_time_tokens
        WHERE expires_at <= now()
        ORDER BY expires_at
        LIMIT ${limit}
        FOR UPDATE SKIP LOCKED))
      RETURNING 1
    )
    SELECT count(*)::int AS deleted, set_config('synchronous_commit', 'off', true) FROM deleted`
  return row?.deleted ?? 0
}

/** Deletes at most `limit` sign-ins whose second factor was not given in time; answers how many. */
export async function deleteExpiredChallenges(sql: Sql, limit: number): Promise<number> {
  const [row] = await sql<{ deleted: number }[]>`
    WITH deleted AS (
      DELETE FROM sign_in_challenges WHERE token_hash = ANY (ARRAY(
        SELECT token_hash FROM sign_in_challenges
        WHERE expires_at <= now()
        ORDER BY expires_at
        LIMIT ${limit}
        FOR UPDATE SKIP LOCKED))
      RETURNING 1
    )
    SELECT count(*)::int AS deleted, set_config('synchronous_commit', 'off', true) FROM deleted`
  return row?.deleted ?? 0
}

/** The same for devices that are not remembered any more. */
export async function deleteExpiredDevices(sql: Sql, limit: number): Promise<number> {
  const [row] = await sql<{ deleted: number }[]>`
    WITH deleted AS (
      DELETE FROM remembered_devices WHERE id = ANY (ARRAY(
        SELECT id FROM remembered_devices
        WHERE expires_at <= now()
        ORDER BY expires_at
        LIMIT ${limit}
        FOR UPDATE SKIP LOCKED))
      RETURNING 1
    )
    SELECT count(*)::int AS deleted, set_config('synchronous_commit', 'off', true) FROM deleted`
  return row?.deleted ?? 0
}

/** Deletes at most `limit` steps of sign-ins elsewhere that nobody came back from; answers how many. */
export async function deleteExpiredFederationSteps(sql: Sql, limit: number): Promise<number> {
  const [row] = await sql<{ deleted: number }[]>`
    WITH deleted AS (
      DELETE FROM federation_steps WHERE token_hash = ANY (ARRAY(
        SELECT token_hash FROM federation_steps
        WHERE expires_at <= now()
        ORDER BY expires_at
        LIMIT ${limit}
        FOR UPDATE SKIP LOCKED))
      RETURNING 1
    )
    SELECT count(*)::int AS deleted, set_config('synchronous_commit', 'off', true) FROM deleted`
  return row?.deleted ?? 0
}

/** Deletes at most `limit` challenges that no passkey has answered in time; answers how many. */
export async function deleteExpiredPasskeyChallenges(sql: Sql, limit: number): Promise<number> {
  const [row] = await sql<{ deleted: number }[]>`
    WITH deleted AS (
      DELETE FROM passkey_challenges WHERE challenge_hash = ANY (ARRAY(
        SELECT challenge_hash FROM passkey_challenges
        WHERE expires_at <= now()
        ORDER BY expires_at
        LIMIT ${limit}
        FOR UPDATE SKIP LOCKED))
      RETURNING 1
    )
    SELECT count(*)::int AS deleted, set_config('synchronous_commit', 'off', true) FROM deleted`
  return row?.deleted ?? 0
}

/** Deletes at most `limit` counters of failed attempts that could have gone on `rememberSeconds` ago; answers how many. */
export async function deleteForgottenGuesses(
  sql: Sql,
  { limit, rememberSeconds }: { limit: number; rememberSeconds: number },
): Promise<number> {
  const [row] = await sql<{ deleted: number }[]>`
    WITH deleted AS (
      DELETE FROM guess_counters WHERE subject = ANY (ARRAY(
        SELECT subject FROM guess_counters
        WHERE open_at < now() - make_interval(secs => ${rememberSeconds})
        ORDER BY open_at
        LIMIT ${limit}
        FOR UPDATE SKIP LOCKED))
      RETURNING 1
    )
    SELECT count(*)::int AS deleted, set_config('synchronous_commit', 'off', true) FROM deleted`
  return row?.deleted ?? 0
}
