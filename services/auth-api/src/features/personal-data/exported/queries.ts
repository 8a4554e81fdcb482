import type { ExportedEvent } from '@latchkey/contracts/http/personal-data'
import type { Sql } from '@latchkey/platform/database/client'
import type { ListPosition } from '../../../list-cursor.js'
import type { UserRow } from '../../profile/user-answer.js'

// Columns are named one by one, so that a secret that is added to a table does not leave with it.

export interface PersonRow extends UserRow {
  updatedAt: Date
  passwordChangedAt: Date | null
  totpEnabledAt: Date | null
  recoveryCodesLeft: number
}

/** Null for a user who is gone or disabled. */
export async function findPerson(sql: Sql, userId: string): Promise<PersonRow | null> {
  const [row] = await sql<PersonRow[]>`
    SELECT u.id, u.email, u.email_verified_at, u.username, u.name, u.user_type, u.roles, u.traits, u.locale, u.mfa_enabled,
      u.created_at, u.updated_at, u.last_login_at, c.password_changed_at, f.enabled_at AS totp_enabled_at,
      (SELECT count(*)::int FROM recovery_codes r WHERE r.user_id = u.id) AS recovery_codes_left
    FROM users u LEFT JOIN credentials c ON c.user_id = u.id LEFT JOIN totp_factors f ON f.user_id = u.id
    WHERE u.id = ${userId} AND u.disabled_at IS NULL`
  return row ?? null
}

export interface SessionRow {
  id: string
  deviceName: string | null
  userAgent: string | null
  ipAddress: string | null
  amr: string[]
  createdAt: Date
  authenticatedAt: Date
  lastUsedAt: Date
  idleExpiresAt: Date
  absoluteExpiresAt: Date
  revokedAt: Date | null
  revokeReason: string | null
}

/** Those that have ended too, as long as they are kept. */
export async function listSessionsOf(sql: Sql, userId: string): Promise<SessionRow[]> {
  return sql<SessionRow[]>`
    SELECT id, device_name, user_agent, host(ip) AS ip_address, amr, created_at, authenticated_at, last_used_at,
      idle_expires_at, absolute_expires_at, revoked_at, revoke_reason
    FROM sessions WHERE user_id = ${userId}
    ORDER BY created_at DESC, id`
}

export interface KnownDeviceRow {
  firstSeenAt: Date
  lastSeenAt: Date
}

/** What they are is kept as a hash only. */
export async function listKnownDevicesOf(sql: Sql, userId: string): Promise<KnownDeviceRow[]> {
  return sql<KnownDeviceRow[]>`
    SELECT first_seen_at, last_seen_at FROM known_devices WHERE user_id = ${userId} ORDER BY last_seen_at DESC`
}

export interface RememberedDeviceRow {
  name: string | null
  userAgent: string | null
  ipAddress: string | null
  createdAt: Date
  lastUsedAt: Date
  expiresAt: Date
}

/** That are not asked for the second factor, and those that were, until cleanup. */
export async function listRememberedDevicesOf(sql: Sql, userId: string): Promise<RememberedDeviceRow[]> {
  return sql<RememberedDeviceRow[]>`
    SELECT name, user_agent, host(ip) AS ip_address, created_at, last_used_at, expires_at
    FROM remembered_devices WHERE user_id = ${userId} ORDER BY last_used_at DESC, id`
}

export interface IdentityRow {
  provider: string
  issuer: string
  subject: string
  email: string | null
  linkedAt: Date
  lastUsedAt: Date | null
}

export async function listIdentitiesOf(sql: Sql, userId: string): Promise<IdentityRow[]> {
  return sql<IdentityRow[]>`
    SELECT provider, issuer, subject, email, linked_at, last_used_at FROM identities
    WHERE user_id = ${userId} ORDER BY linked_at, id`
}

export interface PasskeyRow {
  id: string
  credentialId: Buffer
  name: string
  isSynced: boolean
  isBackedUp: boolean
  transports: string[]
  createdAt: Date
  lastUsedAt: Date | null
  disabledAt: Date | null
}

export async function listPasskeysOf(sql: Sql, userId: string): Promise<PasskeyRow[]> {
  return sql<PasskeyRow[]>`
    SELECT id, credential_id, name, is_synced, is_backed_up, transports, created_at, last_used_at, disabled_at
    FROM passkeys WHERE user_id = ${userId} ORDER BY created_at DESC, id`
}

export interface LinkRow {
  purpose: string
  email: string
  createdAt: Date
  expiresAt: Date
}

/** Links in mails that may still be used. */
export async function listLinksOf(sql: Sql, userId: string): Promise<LinkRow[]> {
  return sql<LinkRow[]>`
    SELECT purpose, email, created_at, expires_at FROM one_time_tokens WHERE user_id = ${userId} ORDER BY created_at DESC`
}

export interface SignInRow {
  deviceName: string | null
  amr: string[]
  expiresAt: Date
}

/** Sign-ins that wait for the second factor. */
export async function listUnfinishedSignInsOf(sql: Sql, userId: string): Promise<SignInRow[]> {
  return sql<SignInRow[]>`
    SELECT device_name, amr, expires_at FROM sign_in_challenges WHERE user_id = ${userId} ORDER BY expires_at DESC`
}

export interface MailRow {
  template: string
  createdAt: Date
  settledAt: Date | null
  status: string | null
}

export async function listMailsOf(sql: Sql, userId: string): Promise<MailRow[]> {
  return sql<MailRow[]>`
    SELECT template, created_at, settled_at, status FROM mails WHERE user_id = ${userId} ORDER BY created_at DESC`
}

export interface AlertRow {
  rule: string
  severity: string
  ipAddress: string | null
  eventCount: bigint
  firstAt: Date
  lastAt: Date
  actions: string[]
  note: string | null
}

export async function listAlertsOf(sql: Sql, userId: string): Promise<AlertRow[]> {
  return sql<AlertRow[]>`
    SELECT rule, severity, host(ip) AS ip_address, event_count, first_at, last_at, actions, note
    FROM alerts WHERE user_id = ${userId} ORDER BY created_at DESC, id`
}

export type EventRow = Omit<ExportedEvent, 'occurredAt'> & { occurredAt: Date } & ListPosition

/**
 * The newest events of a user before a position. Whence somebody else acted tells of that one, and names of tokens and addresses of
 * mails are no news to anybody. The times are compared by themselves, because a comparison of rows leaves no partition out.
 */
export async function listEventsOf(
  sql: Sql,
  { userId, before, limit }: { userId: string; before: ListPosition; limit: number },
): Promise<EventRow[]> {
  return sql<EventRow[]>`
    SELECT id, occurred_at, (extract(epoch FROM occurred_at) * 1000000)::bigint AS microseconds, type, severity, session_id,
      CASE WHEN is_own THEN host(ip) END AS ip_address, CASE WHEN is_own THEN user_agent END AS user_agent,
      is_own AS by_yourself, data - 'tokenId' AS data
    FROM security_events, LATERAL (SELECT actor_id IS NULL OR actor_id = user_id AS is_own) AS acted
    WHERE user_id = ${userId}
      AND occurred_at <= ${instant(sql, before)}
      AND (occurred_at < ${instant(sql, before)} OR id < ${before.id}::uuid)
    ORDER BY occurred_at DESC, id DESC
    LIMIT ${limit}`
}

const instant = (sql: Sql, { microseconds }: ListPosition) =>
  sql`(timestamptz 'epoch' + ${microseconds}::bigint * interval '1 microsecond')`
