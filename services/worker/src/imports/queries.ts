import type { Sql } from '@latchkey/platform/database/client'
import type { ImportedUser } from './imported-row.js'

/** As the owner of the tables, until the transaction ends. Raises 42501 for a login that is not theirs. */
export async function becomeOwner(sql: Sql): Promise<void> {
  await sql`SET LOCAL ROLE latchkey_migrator`
}

export type NewUser = ImportedUser & { readonly id: string }

/**
 * Users and their credentials with one statement. Answers the ids of those whose e-mail and username were free: `ON CONFLICT` makes the
 * same rows harmless a second time.
 */
export async function insertUsers(sql: Sql, users: readonly NewUser[]): Promise<string[]> {
  const column = (read: (user: NewUser) => string | null): (string | null)[] => users.map(read)
  const rows = await sql<{ id: string }[]>`
    WITH given AS (
      SELECT * FROM unnest(
        ${column(({ id }) => id)}::uuid[], ${column(({ email }) => email)}::text[],
        ${column(({ username }) => username)}::text[], ${column(({ name }) => name)}::text[],
        ${column(({ userType }) => userType)}::text[], ${column(({ roles }) => roles.join(' '))}::text[],
        ${column(({ traits }) => JSON.stringify(traits))}::text[], ${column(({ locale }) => locale)}::text[],
        ${column(({ createdAt }) => createdAt)}::timestamptz[], ${column(({ isVerified }) => String(isVerified))}::boolean[],
        ${column(({ isDisabled }) => String(isDisabled))}::boolean[], ${column(({ passwordHash }) => passwordHash)}::text[]
      ) AS given (id, email, username, name, user_type, roles, traits, locale, created_at, is_verified, is_disabled, password_hash)
    ), added AS (
      INSERT INTO users (id, email, username, name, user_type, roles, traits, locale, created_at, email_verified_at, disabled_at)
      SELECT id, email, username, name, user_type, string_to_array(roles, ' '), traits::jsonb, locale,
        coalesce(created_at, now()), CASE WHEN is_verified THEN now() END, CASE WHEN is_disabled THEN now() END
      FROM given
      ON CONFLICT DO NOTHING
      RETURNING id
    ), credential AS (
      INSERT INTO credentials (user_id, password_hash)
      SELECT id, password_hash FROM given JOIN added USING (id) WHERE password_hash IS NOT NULL
    )
    SELECT id FROM added`
  return rows.map(({ id }) => id)
}

/** Of rows that were not inserted: the ids of those whose e-mail has an account. The others' usernames have. */
export async function findPresent(sql: Sql, users: readonly NewUser[]): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    SELECT given.id
    FROM unnest(${users.map(({ id }) => id)}::uuid[], ${users.map(({ email }) => email)}::text[]) AS given (id, email)
    JOIN users ON users.email = given.email::citext`
  return rows.map(({ id }) => id)
}

/** Of rows that a dry run would insert: the ids of those whose username is taken. */
export async function findTakenUsernames(sql: Sql, users: readonly NewUser[]): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    SELECT given.id
    FROM unnest(${users.map(({ id }) => id)}::uuid[], ${users.map(({ username }) => username)}::text[]) AS given (id, username)
    JOIN users ON users.username = given.username`
  return rows.map(({ id }) => id)
}

/** Users that this very transaction has inserted. */
export async function withdrawUsers(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql`DELETE FROM users WHERE id = ANY (${[...ids]}::uuid[])`
}

/** One event of the whole import: what it brought, and none of whom. */
export async function insertImportEvent(sql: Sql, data: Readonly<Record<string, unknown>>): Promise<void> {
  await sql`
    INSERT INTO outbox (type, severity, data)
    VALUES ('users.imported', 'warning', ${JSON.stringify(data)}::text::jsonb)`
}
