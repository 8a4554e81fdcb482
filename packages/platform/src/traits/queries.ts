import type { Sql } from '../database/client.js'
import { comparable, type FiledTrait } from './file-traits.js'

/**
 * Makes the index say what the user's traits say now: in the transaction that stores them. A value that is unique and another user's
 * shows as a violated `trait_values_name_value_key`: `trait_taken`.
 */
export async function fileTraits(sql: Sql, userId: string, traits: readonly FiledTrait[]): Promise<void> {
  const names = traits.map(({ name }) => name)
  await sql`
    WITH gone AS (
      DELETE FROM trait_values WHERE user_id = ${userId} AND name <> ALL (${names}::text[])
    )
    INSERT INTO trait_values (user_id, name, value, is_unique, is_searchable)
    SELECT ${userId}::uuid, filed.name, filed.value, filed.is_unique, filed.is_searchable
    FROM unnest(
      ${names}::text[], ${traits.map(({ value }) => value)}::text[],
      ${traits.map(({ isUnique }) => isUnique)}::boolean[], ${traits.map(({ isSearchable }) => isSearchable)}::boolean[]
    ) WITH ORDINALITY AS filed (name, value, is_unique, is_searchable, place)
    ORDER BY filed.place
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
