import type { Sql } from '../database/client.js'
import { comparable, type FiledTrait } from './file-traits.js'
import type { JsonObject } from './json-objects.js'

/**
 * Makes the index say what the user's traits say now: in the transaction that stores them. A value that is unique and another user's
 * shows as a violated `trait_values_name_value_key`: `trait_taken`.
 */
export async function fileTraits(sql: Sql, userId: string, traits: readonly FiledTrait[]): Promise<void> {
  await sql`
    WITH filed AS (
      SELECT name, value, "isUnique" AS is_unique, "isSearchable" AS is_searchable
      FROM jsonb_to_recordset(${JSON.stringify(traits)}::text::jsonb)
        AS filed (name text, value text, "isUnique" boolean, "isSearchable" boolean)
    ), gone AS (
      DELETE FROM trait_values WHERE user_id = ${userId} AND name NOT IN (SELECT name FROM filed)
    )
    INSERT INTO trait_values (user_id, name, value, is_unique, is_searchable)
    SELECT ${userId}::uuid, name, value, is_unique, is_searchable FROM filed
    ORDER BY name -- two users with several values in common wait for each other in one order
    ON CONFLICT (user_id, name) DO UPDATE
      SET value = excluded.value, is_unique = excluded.is_unique, is_searchable = excluded.is_searchable
      WHERE (trait_values.value, trait_values.is_unique, trait_values.is_searchable)
        IS DISTINCT FROM (excluded.value, excluded.is_unique, excluded.is_searchable)`
}

/**
 * The `user_id` of each user with a searchable trait that begins with `text`, as a query within another. A range and not LIKE: the text is
 * only text, and the index serves whatever it is.
 */
export function usersWithTraitLike(sql: Sql, text: string) {
  const start = comparable(text)
  return sql`
    SELECT user_id FROM trait_values
    WHERE is_searchable AND value >= ${start} AND value < ${`${start}\u{10FFFF}`}`
}

/** The next users in the order of their ids, which is that of their age; locked, so that none changes traits meanwhile. */
export async function lockUsersAfter(
  sql: Sql,
  userId: string | null,
  limit: number,
): Promise<{ id: string; traits: JsonObject }[]> {
  return sql<{ id: string; traits: JsonObject }[]>`
    SELECT id, traits FROM users
    WHERE ${userId}::uuid IS NULL OR id > ${userId}
    ORDER BY id LIMIT ${limit}
    FOR NO KEY UPDATE`
}

export async function deleteFiled(sql: Sql, userIds: readonly string[]): Promise<void> {
  await sql`DELETE FROM trait_values WHERE user_id = ANY (${[...userIds]}::uuid[])`
}

/** Answers what was filed: not what another user has. */
export async function insertFiled(
  sql: Sql,
  traits: readonly (FiledTrait & { userId: string })[],
): Promise<{ userId: string; name: string }[]> {
  return sql<{ userId: string; name: string }[]>`
    INSERT INTO trait_values (user_id, name, value, is_unique, is_searchable)
    SELECT "userId", name, value, "isUnique", "isSearchable"
    FROM jsonb_to_recordset(${JSON.stringify(traits)}::text::jsonb)
      AS filed ("userId" uuid, name text, value text, "isUnique" boolean, "isSearchable" boolean)
    ORDER BY "userId", name
    ON CONFLICT DO NOTHING
    RETURNING user_id, name`
}
