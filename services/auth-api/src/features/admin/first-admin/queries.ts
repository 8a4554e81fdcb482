import type { Sql } from '@latchkey/platform/database/client'

/** As the owner of the tables, until the transaction ends. Raises 42501 for a login that is not theirs. */
export async function becomeOwner(sql: Sql): Promise<void> {
  await sql`SET LOCAL ROLE latchkey_migrator`
}

export interface NewAdmin {
  id: string
  email: string
  name: string | null
  passwordHash: string
}

/** An admin whose address the operator vouches for, and the events. An address that is taken shows as a violated constraint. */
export async function insertAdmin(sql: Sql, admin: NewAdmin): Promise<void> {
  await sql`
    WITH created AS (
      INSERT INTO users (id, email, email_verified_at, name, roles)
      VALUES (${admin.id}, ${admin.email}, now(), ${admin.name}, '{user,admin}')
      RETURNING id
    ), credential AS (
      INSERT INTO credentials (user_id, password_hash) SELECT id, ${admin.passwordHash} FROM created
    )
    INSERT INTO outbox (type, severity, user_id, data)
    SELECT 'user.registered', 'info', id, '{}'::jsonb FROM created
    UNION ALL
    SELECT 'roles.changed', 'warning', id, '{"before": [], "after": ["user", "admin"]}' FROM created`
}

export interface PromotedUser {
  id: string
  isDisabled: boolean
  wasAdmin: boolean
}

/** Makes an enabled user an admin, and tells of it if they were none. Null when nobody has the address. */
export async function promoteUser(sql: Sql, email: string): Promise<PromotedUser | null> {
  const [row] = await sql<PromotedUser[]>`
    WITH found AS (
      SELECT id, disabled_at IS NOT NULL AS is_disabled, roles, 'admin' = ANY (roles) AS was_admin
      FROM users WHERE email = ${email} FOR UPDATE
    ), promoted AS (
      UPDATE users SET roles = found.roles || '{admin}', updated_at = now()
      FROM found WHERE users.id = found.id AND NOT found.is_disabled AND NOT found.was_admin
      RETURNING users.id, found.roles AS before, users.roles AS after
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, data)
      SELECT 'roles.changed', 'warning', id, jsonb_build_object('before', to_jsonb(before), 'after', to_jsonb(after)) FROM promoted
    )
    SELECT id, is_disabled, was_admin FROM found`
  return row ?? null
}
