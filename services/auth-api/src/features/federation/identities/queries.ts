import { securityEventTypes } from '@latchkey/contracts/events'
import type { Sql } from '@latchkey/platform/database/client'
import type { OneTimeToken } from '@latchkey/platform/one-time-tokens/one-time-token'
import { oneTimeTokenInsert } from '@latchkey/platform/one-time-tokens/queries'
import type { RequestOrigin } from '../../../request-origin.js'
import type { ForeignIdentity } from '../providers/foreign-identity.js'

type IdentityKey = Pick<ForeignIdentity, 'provider' | 'issuer' | 'subject'>

export async function findOwnerOfIdentity(
  sql: Sql,
  { provider, issuer, subject }: IdentityKey,
): Promise<string | null> {
  const [row] = await sql<{ userId: string }[]>`
    SELECT user_id FROM identities WHERE provider = ${provider} AND issuer = ${issuer} AND subject = ${subject}`
  return row?.userId ?? null
}

export interface IdentityUser {
  userId: string
  mfaEnabled: boolean
  isDisabled: boolean
  isAddressProven: boolean
}

/** Notes that an identity was used and tells of it, once its user is locked. Null when it is not the user's any more. */
export async function useIdentity(
  sql: Sql,
  { provider, issuer, subject, email }: IdentityKey & Pick<ForeignIdentity, 'email'>,
  { userId, origin }: { userId: string; origin: RequestOrigin },
): Promise<IdentityUser | null> {
  const [row] = await sql<IdentityUser[]>`
    WITH used AS (
      UPDATE identities i SET last_used_at = now(), email = ${email} FROM users u
      WHERE i.provider = ${provider} AND i.issuer = ${issuer} AND i.subject = ${subject}
        AND i.user_id = ${userId} AND u.id = i.user_id
      RETURNING u.id AS user_id, u.mfa_enabled, u.disabled_at IS NOT NULL AS is_disabled,
        u.email_verified_at IS NOT NULL AS is_address_proven
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id, data)
      SELECT 'identity.used', ${securityEventTypes['identity.used']}, user_id, user_id,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
        jsonb_build_object('provider', ${provider}::text, 'during', 'sign_in')
      FROM used WHERE NOT is_disabled
    )
    SELECT * FROM used`
  return row ?? null
}

export async function findUserByEmail(
  sql: Sql,
  email: string,
): Promise<{ id: string; isDisabled: boolean } | null> {
  const [row] = await sql<{ id: string; isDisabled: boolean }[]>`
    SELECT id, disabled_at IS NOT NULL AS is_disabled FROM users WHERE email = ${email}`
  return row ?? null
}

export interface NewIdentity {
  id: string
  userId: string
  provider: string
  issuer: string
  subject: string
  email: string | null
  /** Null where it is made by signing in with it. */
  sessionId: string | null
  /** Whether its user is told: not of what their account began with. */
  isNews: boolean
  origin: RequestOrigin
}

export interface IdentityRow {
  id: string
  provider: string
  email: string | null
  linkedAt: Date
  lastUsedAt: Date | null
}

/** As many as one person has, and a list that one can still read. */
const maxIdentities = 20

/**
 * Links an identity and tells of it. Null when somebody has it, or when the user has as many as there may be. The caller has locked the user, so
 * that two at once count each other.
 */
export async function insertIdentity(
  sql: Sql,
  { origin, ...identity }: NewIdentity,
): Promise<IdentityRow | null> {
  const [row] = await sql<IdentityRow[]>`
    WITH linked AS (
      INSERT INTO identities (id, user_id, provider, issuer, subject, email, last_used_at)
      SELECT ${identity.id}, ${identity.userId}, ${identity.provider}, ${identity.issuer}, ${identity.subject}, ${identity.email}, now()
      WHERE (SELECT count(*) FROM identities WHERE user_id = ${identity.userId}) < ${maxIdentities}
      ON CONFLICT ON CONSTRAINT identities_subject_key DO NOTHING
      RETURNING id, user_id, provider, email, linked_at, last_used_at
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
      SELECT 'identity.linked', ${securityEventTypes['identity.linked']}, user_id, user_id, ${identity.sessionId}::uuid,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('provider', provider)
      FROM linked WHERE ${identity.isNews}::boolean
    )
    SELECT id, provider, email, linked_at, last_used_at FROM linked`
  return row ?? null
}

export interface NewForeignUser {
  id: string
  email: string
  isEmailProven: boolean
  name: string | null
  locale: string | null
  traits: Readonly<Record<string, unknown>>
  provider: string
  origin: RequestOrigin
}

/**
 * A user without a password, and the event that tells of them: with the token of the link that proves the address, or that it is proven
 * already. An address that is taken shows as a violated constraint.
 */
export async function insertForeignUser(
  sql: Sql,
  verification: OneTimeToken,
  { origin, ...user }: NewForeignUser,
): Promise<void> {
  await sql`
    WITH created AS (
      INSERT INTO users (id, email, email_verified_at, name, traits, locale)
      VALUES (${user.id}, ${user.email}, CASE WHEN ${user.isEmailProven}::boolean THEN now() END, ${user.name},
        ${JSON.stringify(user.traits)}::text::jsonb, ${user.locale})
      RETURNING id AS user_id, email, email_verified_at IS NOT NULL AS is_proven
    ), account AS (
      SELECT user_id, email FROM created WHERE NOT is_proven
    ), token AS (${oneTimeTokenInsert(sql, verification)}
    ), told AS (
      SELECT 'user.registered' AS type, ${securityEventTypes['user.registered']} AS severity, created.user_id,
        jsonb_build_object('method', 'oauth', 'provider', ${user.provider}::text)
          || CASE WHEN token.id IS NULL THEN '{}' ELSE jsonb_build_object('tokenId', token.id) END AS data
      FROM created LEFT JOIN token ON true
      UNION ALL
      SELECT 'email.verified', ${securityEventTypes['email.verified']}, user_id, '{}' FROM created WHERE is_proven
    )
    INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id, data)
    SELECT type, severity, user_id, user_id, ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, data FROM told`
}

/** An identity as its user sees it, the first one first. */
export async function listIdentities(sql: Sql, userId: string): Promise<IdentityRow[]> {
  return sql<IdentityRow[]>`
    SELECT id, provider, email, linked_at, last_used_at FROM identities WHERE user_id = ${userId} ORDER BY linked_at, id`
}

/** Of the user's identities the one that is this; null when it is another user's. */
export async function findOwnIdentity(
  sql: Sql,
  userId: string,
  { provider, issuer, subject }: IdentityKey,
): Promise<IdentityRow | null> {
  const [row] = await sql<IdentityRow[]>`
    SELECT id, provider, email, linked_at, last_used_at FROM identities
    WHERE user_id = ${userId} AND provider = ${provider} AND issuer = ${issuer} AND subject = ${subject}`
  return row ?? null
}

/** Unlinks one of the user's identities and tells of it. False when it is not there. */
export async function deleteIdentity(
  sql: Sql,
  { id, userId, sessionId, origin }: { id: string; userId: string; sessionId: string; origin: RequestOrigin },
): Promise<boolean> {
  const rows = await sql`
    WITH unlinked AS (
      DELETE FROM identities WHERE id = ${id} AND user_id = ${userId} RETURNING user_id, provider
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
      SELECT 'identity.unlinked', ${securityEventTypes['identity.unlinked']}, user_id, user_id, ${sessionId}::uuid,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('provider', provider)
      FROM unlinked
    )
    SELECT provider FROM unlinked`
  return rows.length > 0
}

export interface IdentityRemoval {
  userId: string
  reason: 'address_proven' | 'email_change_undone'
  /** Only what was linked since, as PostgreSQL writes a time; null for all. */
  since: string | null
  origin: RequestOrigin
}

/** Unlinks what somebody else may have linked, and tells of each. */
export async function deleteIdentities(sql: Sql, { origin, ...removal }: IdentityRemoval): Promise<void> {
  await sql`
    WITH unlinked AS (
      DELETE FROM identities
      WHERE user_id = ${removal.userId} AND coalesce(linked_at >= ${removal.since}::text::timestamptz, true)
      RETURNING user_id, provider
    )
    INSERT INTO outbox (type, severity, user_id, actor_id, ip, user_agent, request_id, data)
    SELECT 'identity.unlinked', ${securityEventTypes['identity.unlinked']}, user_id, user_id,
      ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
      jsonb_build_object('provider', provider, 'reason', ${removal.reason}::text)
    FROM unlinked`
}
