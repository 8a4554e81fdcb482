import { securityEventTypes } from '@latchkey/contracts/events'
import type { Sql } from '@latchkey/platform/database/client'
import { usersWithTraitLike } from '@latchkey/platform/traits/queries'
import type { ListPosition } from '../../../list-cursor.js'
import type { UserRow } from '../../profile/user-answer.js'
import type { ActingAdmin } from '../acting-admin.js'
import { instantOf, isBefore, originOf } from '../queries.js'
import { walkedRows } from '../read-page.js'

export interface AdminUserRow extends UserRow {
  updatedAt: Date
  disabledAt: Date | null
  hasPassword: boolean
}

const userColumns = (sql: Sql) => sql`
  u.id, u.email, u.email_verified_at, u.username, u.name, u.user_type, u.roles, u.traits, u.locale, u.mfa_enabled, u.created_at,
  u.updated_at, u.last_login_at, u.disabled_at,
  EXISTS (SELECT FROM credentials c WHERE c.user_id = u.id) AS has_password`

export async function findUser(sql: Sql, userId: string): Promise<AdminUserRow | null> {
  const [row] = await sql<AdminUserRow[]>`SELECT ${userColumns(sql)} FROM users u WHERE u.id = ${userId}`
  return row ?? null
}

export async function hasUser(sql: Sql, userId: string): Promise<boolean> {
  const [row] = await sql`SELECT FROM users WHERE id = ${userId}`
  return row !== undefined
}

export type LockedUserRow = Pick<AdminUserRow, 'id' | 'userType' | 'traits'>

/** Locks the user until the transaction ends. Null for nobody. */
export async function lockUser(sql: Sql, userId: string): Promise<LockedUserRow | null> {
  const [row] = await sql<LockedUserRow[]>`
    SELECT id, user_type, traits FROM users WHERE id = ${userId} FOR NO KEY UPDATE`
  return row ?? null
}

export interface UserList {
  before: ListPosition
  since: bigint | null
  search: string | null
  role: string | null
  userType: string | null
  isEnabled: boolean | null
  isVerified: boolean | null
}

export type ListedUserRow = AdminUserRow & ListPosition

/** The order that users are listed in. */
const newestFirst = (sql: Sql) => sql`ORDER BY u.created_at DESC, u.id DESC`

export const listUsersQuery = (sql: Sql, list: UserList, limit: number) => sql<ListedUserRow[]>`
  SELECT ${userColumns(sql)}, (extract(epoch FROM u.created_at) * 1000000)::bigint AS microseconds
  FROM (SELECT u.* FROM users u WHERE ${isWalked(sql, list)} ${newestFirst(sql)} LIMIT ${walkedRows}) u
  WHERE (${list.role}::text IS NULL OR ${list.role} = ANY (u.roles))
    AND (${list.userType}::text IS NULL OR u.user_type = ${list.userType})
    AND (${list.isEnabled}::boolean IS NULL OR (u.disabled_at IS NULL) = ${list.isEnabled})
    AND (${list.isVerified}::boolean IS NULL OR (u.email_verified_at IS NOT NULL) = ${list.isVerified})
  ${newestFirst(sql)}
  LIMIT ${limit}`

/** The last user that such a page has looked at; null when there were none left. */
export async function findEndOfUsers(sql: Sql, list: UserList): Promise<ListPosition | null> {
  const [row] = await sql<ListPosition[]>`
    SELECT u.id, (extract(epoch FROM u.created_at) * 1000000)::bigint AS microseconds
    FROM users u WHERE ${isWalked(sql, list)} ${newestFirst(sql)}
    OFFSET ${walkedRows - 1} LIMIT 1`
  return row ?? null
}

/** The users that a page looks at: those that a small index has, where there is one. */
const isWalked = (sql: Sql, { before, since, search, role, isEnabled }: UserList) => sql`
  ${isBefore(sql, 'created_at', before)}
  ${since === null ? sql`` : sql`AND u.created_at >= ${instantOf(sql, { microseconds: since, id: '' })}`}
  ${role === null || role === 'user' ? sql`` : sql`AND u.roles <> '{user}'`}
  ${isEnabled === false ? sql`AND u.disabled_at IS NOT NULL` : sql``}
  ${search === null ? sql`` : sql`AND u.id = ANY (ARRAY(${beginningWith(sql, search)}))`}`

/** Of each field so many, in the order of the alphabet: who types another letter sees more. */
const matchesOfField = 1000

/** Ranges in byte order, from the text to the text with the last character of all: no character in it has a meaning. */
const beginningWith = (sql: Sql, search: string) => sql`
  (SELECT id FROM users WHERE ${isInRange(sql, sql`lower(email::text)`, search)} LIMIT ${matchesOfField})
  UNION (SELECT id FROM users WHERE ${isInRange(sql, sql`username`, search)} LIMIT ${matchesOfField})
  UNION (SELECT id FROM users WHERE ${isInRange(sql, sql`lower(name)`, search)} LIMIT ${matchesOfField})
  UNION (${usersWithTraitLike(sql, search)} LIMIT ${matchesOfField})`

const isInRange = (sql: Sql, text: ReturnType<Sql>, search: string) => sql`
  ${text} COLLATE "C" >= lower(${search}) AND ${text} COLLATE "C" < lower(${search}) || U&'\\+10FFFF'`

export interface NewUser {
  id: string
  email: string
  username: string | null
  name: string | null
  userType: string | null
  traits: Readonly<Record<string, unknown>>
}

/** A user without a credential. Names that are taken show as violated constraints. */
export async function insertUser(sql: Sql, user: NewUser): Promise<void> {
  await sql`
    INSERT INTO users (id, email, username, name, user_type, traits)
    VALUES (${user.id}, ${user.email}, ${user.username}, ${user.name}, ${user.userType}, ${JSON.stringify(user.traits)}::text::jsonb)`
}

export async function insertCredential(sql: Sql, userId: string, passwordHash: string): Promise<void> {
  await sql`INSERT INTO credentials (user_id, password_hash) VALUES (${userId}, ${passwordHash})`
}

/** `undefined` keeps a field as it is, null clears it. */
export interface ProfileChanges {
  name?: string | null | undefined
  username?: string | null | undefined
  traits?: Readonly<Record<string, unknown>> | undefined
}

export async function updateProfile(sql: Sql, userId: string, changes: ProfileChanges): Promise<void> {
  const traits = changes.traits === undefined ? null : JSON.stringify(changes.traits)
  await sql`
    UPDATE users SET
      name = CASE WHEN ${changes.name === undefined}::boolean THEN name ELSE ${changes.name ?? null}::text END,
      username = CASE WHEN ${changes.username === undefined}::boolean THEN username ELSE ${changes.username ?? null}::text END,
      traits = coalesce(${traits}::text::jsonb, traits),
      updated_at = now()
    WHERE id = ${userId}`
}

/** Whether roles were taken away. Raises LK002 for the admin's own. Tells of it. */
export async function changeRoles(
  sql: Sql,
  admin: ActingAdmin,
  userId: string,
  roles: readonly string[],
): Promise<boolean> {
  const [row] = await sql<{ before: string[] | null }[]>`
    SELECT change_user_roles(${admin.sessionId}::uuid, ${userId}::uuid, ${[...roles]}::text[], ${originOf(sql, admin)}) AS before`
  return row?.before?.some((role) => !roles.includes(role)) === true
}

/** Raises LK002 for the admin's own account. Tells of it, if it changed anything. */
export async function changeStatus(
  sql: Sql,
  admin: ActingAdmin,
  userId: string,
  isEnabled: boolean,
): Promise<void> {
  await sql`SELECT change_user_status(${admin.sessionId}::uuid, ${userId}::uuid, ${isEnabled}, ${originOf(sql, admin)})`
}

export async function changeVerified(
  sql: Sql,
  admin: ActingAdmin,
  userId: string,
  isVerified: boolean,
): Promise<void> {
  await sql`SELECT change_email_verified(${admin.sessionId}::uuid, ${userId}::uuid, ${isVerified}, ${originOf(sql, admin)})`
}

/** Tells of a new user, or that one is invited, with the token of the link that goes to the address. */
export async function insertUserEvent(
  sql: Sql,
  admin: ActingAdmin,
  event: { type: 'user.registered' | 'user.invited'; userId: string; tokenId: string | null },
): Promise<void> {
  await sql`
    INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id, data)
    VALUES (${event.type}, ${securityEventTypes[event.type]}, ${event.userId}::uuid, ${admin.userId}::uuid, ${originOf(sql, admin)},
      CASE WHEN ${event.tokenId}::text IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('tokenId', ${event.tokenId}::text) END)`
}
