import type { Sql } from '@latchkey/platform/database/client'
import type { UserRow } from './user-answer.js'

const userColumns = (sql: Sql) => sql`
  id, email, email_verified_at, username, name, user_type, roles, traits, locale, mfa_enabled, created_at, last_login_at`

/** Null for a user who is gone or disabled. */
export async function findUser(sql: Sql, userId: string): Promise<UserRow | null> {
  const [row] = await sql<UserRow[]>`
    SELECT ${userColumns(sql)} FROM users WHERE id = ${userId} AND disabled_at IS NULL`
  return row ?? null
}

/** What a change of traits builds on, locked until its transaction ends. Null for a user who is gone or disabled. */
export async function lockTraits(
  sql: Sql,
  userId: string,
): Promise<Pick<UserRow, 'userType' | 'traits'> | null> {
  const [row] = await sql<Pick<UserRow, 'userType' | 'traits'>[]>`
    SELECT user_type, traits FROM users WHERE id = ${userId} AND disabled_at IS NULL
    FOR NO KEY UPDATE`
  return row ?? null
}

/** `undefined` keeps a field as it is, null clears it. */
export interface ProfileChanges {
  name?: string | null | undefined
  username?: string | null | undefined
  traits?: Readonly<Record<string, unknown>> | undefined
  locale?: string | null | undefined
}

/** Null for a user who is gone or disabled. One statement whatever changes, so that it is prepared once. */
export async function updateUser(sql: Sql, userId: string, changes: ProfileChanges): Promise<UserRow | null> {
  const traits = changes.traits === undefined ? null : JSON.stringify(changes.traits)
  const [row] = await sql<UserRow[]>`
    UPDATE users SET
      name = CASE WHEN ${changes.name === undefined}::boolean THEN name ELSE ${changes.name ?? null}::text END,
      username = CASE WHEN ${changes.username === undefined}::boolean THEN username ELSE ${changes.username ?? null}::text END,
      locale = CASE WHEN ${changes.locale === undefined}::boolean THEN locale ELSE ${changes.locale ?? null}::text END,
      traits = coalesce(${traits}::text::jsonb, traits),
      updated_at = now()
    WHERE id = ${userId} AND disabled_at IS NULL
    RETURNING ${userColumns(sql)}`
  return row ?? null
}
