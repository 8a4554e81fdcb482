import { oneTimePurposes } from '@latchkey/contracts/one-time-tokens'
import type { Sql } from '../database/client.js'
import type { OneTimeToken } from './one-time-token.js'

/**
 * Part of a statement: stores the token for the one row (user_id, email), or none, of the statement's `account`. It takes the place of the
 * user's token of the same purpose, if there is one.
 */
export const oneTimeTokenInsert = (sql: Sql, { purpose, id, hash }: OneTimeToken) => sql`
  INSERT INTO one_time_tokens (id, token_hash, purpose, user_id, email, expires_at)
  SELECT ${id}::uuid, ${hash}::bytea, ${purpose}, account.user_id, account.email,
    now() + make_interval(secs => ${oneTimePurposes[purpose].ttlSeconds})
  FROM account
  ON CONFLICT (user_id, purpose) WHERE purpose <> 'undo_email_change' DO UPDATE SET
    id = excluded.id, token_hash = excluded.token_hash, email = excluded.email,
    created_at = excluded.created_at, expires_at = excluded.expires_at
  RETURNING id, user_id`

export async function insertOneTimeToken(
  sql: Sql,
  token: OneTimeToken,
  { userId, email }: { userId: string; email: string },
): Promise<void> {
  await sql`
    WITH account AS (SELECT ${userId}::uuid AS user_id, ${email}::citext AS email)
    ${oneTimeTokenInsert(sql, token)}`
}

export interface ConsumedToken {
  readonly id: string
  readonly userId: string
  /** Where the link was sent: whoever has it reads the mail of this address. */
  readonly email: string
  /** As PostgreSQL writes it, to the microsecond: which of two undo links is older decides. */
  readonly createdAt: string
}

/**
 * Takes the token, once: of several at once one gets it. Null for one that is used, replaced, expired or somebody's who is disabled.
 * First it waits for what is under way with the credential and the user, in the order that sign-in and change of password lock
 * them in, and makes what comes later wait for the caller's transaction: a link is used before such a change or after it, never during.
 */
export async function takeOneTimeToken(
  sql: Sql,
  { purpose, id, hash }: OneTimeToken,
): Promise<ConsumedToken | null> {
  const [taken] = await sql<ConsumedToken[]>`
    WITH credential AS (
      SELECT c.user_id FROM credentials c JOIN one_time_tokens t ON t.user_id = c.user_id
      WHERE t.id = ${id} FOR NO KEY UPDATE OF c
    ), owner AS (
      SELECT u.id FROM users u JOIN one_time_tokens t ON t.user_id = u.id
      WHERE t.id = ${id} AND u.disabled_at IS NULL AND (SELECT count(*) FROM credential) >= 0
      FOR NO KEY UPDATE OF u
    )
    DELETE FROM one_time_tokens t USING owner
    WHERE t.id = ${id} AND t.token_hash = ${hash} AND t.purpose = ${purpose} AND t.expires_at > now()
      AND t.user_id = owner.id
    RETURNING t.id, t.user_id, t.email::text, t.created_at::text`
  return taken ?? null
}

/** Ends the user's links; of those that undo a change of address only what was made since `undoSince`, or none. */
export async function deleteOneTimeTokens(
  sql: Sql,
  { userId, undoSince }: { userId: string; undoSince: string | null },
): Promise<void> {
  // By way of text: the driver turns what is a timestamptz for it into a Date, which has no microseconds.
  await sql`
    DELETE FROM one_time_tokens
    WHERE user_id = ${userId} AND (purpose <> 'undo_email_change' OR created_at >= ${undoSince}::text::timestamptz)`
}
