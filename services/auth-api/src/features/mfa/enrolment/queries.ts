import type { SecondFactors } from '@latchkey/contracts/http/answers'
import { needsSecondFactor } from '@latchkey/platform/accounts/queries'
import type { MfaRequirement } from '@latchkey/platform/config/config'
import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../../request-origin.js'
import type { RemovedFactor } from '../assert-second-factor-stays.js'

/** pg_type.typarray of bytea. */
const byteaArrayOid = 1001

/** Keeps a seed that is not in force yet. Null for a user who is gone or disabled. */
export async function keepPendingSeed(
  sql: Sql,
  { userId, pendingSeed, ttlSeconds }: { userId: string; pendingSeed: Buffer; ttlSeconds: number },
): Promise<{ email: string } | null> {
  const [row] = await sql<{ email: string }[]>`
    WITH u AS (
      SELECT id, email FROM users WHERE id = ${userId} AND disabled_at IS NULL
    ), pending AS (
      INSERT INTO totp_factors (user_id, pending_seed, pending_expires_at)
      SELECT id, ${pendingSeed}, now() + make_interval(secs => ${ttlSeconds}) FROM u
      ON CONFLICT (user_id) DO UPDATE
        SET pending_seed = excluded.pending_seed, pending_expires_at = excluded.pending_expires_at
    )
    SELECT email FROM u`
  return row ?? null
}

export async function findPendingSeed(sql: Sql, userId: string): Promise<Buffer | null> {
  const [row] = await sql<{ pendingSeed: Buffer }[]>`
    SELECT pending_seed FROM totp_factors WHERE user_id = ${userId} AND pending_expires_at > now()`
  return row?.pendingSeed ?? null
}

/**
 * Puts a seed in force, uses the step of its first code up, forgets the recovery codes of before, and tells of it. False when it is not
 * the one that is set up any more.
 */
export async function enablePendingSeed(
  sql: Sql,
  enrolment: {
    userId: string
    sessionId: string | null
    pendingSeed: Buffer
    step: number
    origin: RequestOrigin
  },
): Promise<boolean> {
  const { origin } = enrolment
  const rows = await sql`
    WITH enabled AS (
      UPDATE totp_factors SET
        sealed_seed = pending_seed, enabled_at = now(), last_used_step = ${enrolment.step},
        pending_seed = NULL, pending_expires_at = NULL
      WHERE user_id = ${enrolment.userId} AND pending_seed = ${enrolment.pendingSeed} AND pending_expires_at > now()
      RETURNING user_id
    ), u AS (
      UPDATE users SET mfa_enabled = true, updated_at = now() FROM enabled WHERE users.id = enabled.user_id
      RETURNING users.id
    ), forgotten AS (
      DELETE FROM recovery_codes USING enabled WHERE recovery_codes.user_id = enabled.user_id
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
      SELECT 'mfa.enabled', 'notice', u.id, u.id, ${enrolment.sessionId}::uuid,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, '{"method": "totp"}'::jsonb
      FROM u
    )
    SELECT id FROM u`
  return rows.length > 0
}

/** Those that a factor of before has left, without a word: its end was told. */
export async function forgetUnusedRecoveryCodes(sql: Sql, userId: string): Promise<void> {
  await sql`DELETE FROM recovery_codes WHERE user_id = ${userId}`
}

export async function insertRecoveryCodes(
  sql: Sql,
  { userId, hashes }: { userId: string; hashes: readonly Buffer[] },
): Promise<void> {
  await sql`
    INSERT INTO recovery_codes (user_id, code_hash)
    SELECT ${userId}, unnest(${sql.array([...hashes], byteaArrayOid)}::bytea[])`
}

/** Forgets a user's recovery codes and tells that there are new ones, which the caller's transaction inserts. */
export async function forgetRecoveryCodes(
  sql: Sql,
  { userId, sessionId, origin }: { userId: string; sessionId: string; origin: RequestOrigin },
): Promise<void> {
  await sql`
    WITH forgotten AS (DELETE FROM recovery_codes WHERE user_id = ${userId})
    INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id)
    VALUES ('recovery_codes.replaced', 'notice', ${userId}, ${userId}, ${sessionId},
      ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId})`
}

export interface FactorRemoval {
  userId: string
  /** Whoever does it, and in which session. */
  actorId: string
  sessionId: string | null
  reason: 'user_disabled' | 'admin_reset' | 'address_proven' | 'email_change_undone'
  /** Only what was set up since, as PostgreSQL writes a time. */
  since?: string
  origin: RequestOrigin
}

/** Removes the authenticator app of a user, the one that is being set up too, and tells of it. False when there were none in force. */
export async function deleteSecondFactors(sql: Sql, { origin, ...removal }: FactorRemoval): Promise<boolean> {
  const rows = await sql`
    WITH factor AS (
      DELETE FROM totp_factors
      WHERE user_id = ${removal.userId} AND coalesce(enabled_at >= ${removal.since ?? null}::text::timestamptz, true)
      RETURNING user_id
    ), u AS (
      UPDATE users SET mfa_enabled = false, updated_at = now() FROM factor
      WHERE users.id = factor.user_id AND users.mfa_enabled
      RETURNING users.id
    ), forgotten AS (
      DELETE FROM recovery_codes USING factor WHERE recovery_codes.user_id = factor.user_id
        -- They stand in for passkeys, too; but not whoever else has seen them.
        AND (${removal.reason} <> 'user_disabled'
          OR NOT EXISTS (SELECT FROM passkeys p WHERE p.user_id = factor.user_id AND p.disabled_at IS NULL))
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
      SELECT 'mfa.disabled', 'warning', u.id, ${removal.actorId}::uuid, ${removal.sessionId}::uuid,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('reason', ${removal.reason}::text)
      FROM u
    )
    SELECT id FROM u`
  return rows.length > 0
}

/** The user whose sign-in waits for a second factor to be set up. */
export async function findEnrolment(sql: Sql, tokenHash: Buffer): Promise<{ userId: string } | null> {
  const [row] = await sql<{ userId: string }[]>`
    SELECT user_id FROM sign_in_challenges
    WHERE token_hash = ${tokenHash} AND purpose = 'enrolment' AND expires_at > now()`
  return row ?? null
}

/**
 * Uses such a sign-in up, under `lockOwner`. Null when another request did, when it has expired, when the password is another one than
 * then, or when the user has a second factor by now.
 */
export async function consumeEnrolment(
  sql: Sql,
  { tokenHash, userId }: { tokenHash: Buffer; userId: string },
): Promise<{ amr: string[]; deviceName: string | null } | null> {
  const [row] = await sql<{ amr: string[]; deviceName: string | null }[]>`
    DELETE FROM sign_in_challenges
    WHERE token_hash = ${tokenHash} AND user_id = ${userId} AND purpose = 'enrolment' AND expires_at > now()
      AND password_changed_at IS NOT DISTINCT FROM (SELECT password_changed_at FROM credentials WHERE user_id = ${userId})
      AND EXISTS (SELECT FROM users WHERE id = ${userId} AND NOT mfa_enabled)
      AND NOT EXISTS (SELECT FROM passkeys WHERE user_id = ${userId} AND disabled_at IS NULL)
    RETURNING amr, device_name`
  return row ?? null
}

/** Whether the user must have a second factor and has no other one than this. */
export async function isLastRequiredFactor(
  sql: Sql,
  { userId, removing, requireMfa }: { userId: string; removing: RemovedFactor; requireMfa: MfaRequirement },
): Promise<boolean> {
  const [row] = await sql<{ isLast: boolean }[]>`
    SELECT ${needsSecondFactor(sql, requireMfa)}
      AND NOT (u.mfa_enabled AND ${removing.kind !== 'totp'})
      AND NOT EXISTS (
        SELECT FROM passkeys
        WHERE user_id = u.id AND disabled_at IS NULL AND id IS DISTINCT FROM ${removing.kind === 'passkey' ? removing.id : null}
      ) AS is_last
    FROM users u WHERE u.id = ${userId}`
  return row?.isLast === true
}

/** Who may sign in, must have a second factor and has none; no more than `limit`. */
export async function countMissingFactors(
  sql: Sql,
  { requireMfa, limit }: { requireMfa: MfaRequirement; limit: number },
): Promise<number> {
  const [row] = await sql<[{ users: number }]>`
    SELECT count(*)::int AS users FROM (
      SELECT FROM users u
      WHERE u.disabled_at IS NULL AND NOT u.mfa_enabled AND ${needsSecondFactor(sql, requireMfa)}
        AND NOT EXISTS (SELECT FROM passkeys p WHERE p.user_id = u.id AND p.disabled_at IS NULL)
      LIMIT ${limit}) AS missing`
  return row.users
}

/** Null for a user who is gone. */
export async function findSecondFactors(
  sql: Sql,
  {
    userId,
    requireMfa,
    rememberSeconds,
  }: { userId: string; requireMfa: MfaRequirement; rememberSeconds: number },
): Promise<SecondFactorsRow | null> {
  const [row] = await sql<SecondFactorsRow[]>`
    SELECT
      (SELECT enabled_at FROM totp_factors WHERE user_id = u.id) AS totp_enabled_at,
      (SELECT count(*)::int FROM recovery_codes WHERE user_id = u.id) AS recovery_codes_left,
      (SELECT count(*)::int FROM passkeys WHERE user_id = u.id AND disabled_at IS NULL) AS passkeys,
      (SELECT count(*)::int FROM remembered_devices WHERE user_id = u.id AND expires_at > now()
        AND created_at > now() - make_interval(secs => ${rememberSeconds})) AS remembered_devices,
      ${needsSecondFactor(sql, requireMfa)} AS is_required
    FROM users u WHERE u.id = ${userId}`
  return row ?? null
}

export interface SecondFactorsRow extends Omit<SecondFactors, 'totp'> {
  totpEnabledAt: Date | null
}

/** Null for a user without a password. */
export async function findPasswordHash(sql: Sql, userId: string): Promise<string | null> {
  const [row] = await sql<{ passwordHash: string }[]>`
    SELECT password_hash FROM credentials WHERE user_id = ${userId}`
  return row?.passwordHash ?? null
}

export interface SealedSeed {
  userId: string
  sealedSeed: Buffer
}

/** Seeds in force, in the order of their users, from the one after `userId` on. */
export async function listSealedSeeds(
  sql: Sql,
  { after, limit }: { after: string; limit: number },
): Promise<SealedSeed[]> {
  return sql<SealedSeed[]>`
    SELECT user_id, sealed_seed FROM totp_factors
    WHERE user_id > ${after} AND sealed_seed IS NOT NULL
    ORDER BY user_id
    LIMIT ${limit}`
}

/** Puts seeds in the place of those that they were sealed anew from, unless that has changed; answers how many. */
export async function replaceSealedSeeds(
  sql: Sql,
  seeds: readonly (SealedSeed & { resealed: Buffer })[],
): Promise<number> {
  const { count } = await sql`
    UPDATE totp_factors f SET sealed_seed = moved.resealed
    FROM unnest(
      ${seeds.map(({ userId }) => userId)}::uuid[],
      ${sql.array(
        seeds.map(({ sealedSeed }) => sealedSeed),
        byteaArrayOid,
      )}::bytea[],
      ${sql.array(
        seeds.map(({ resealed }) => resealed),
        byteaArrayOid,
      )}::bytea[]
    ) AS moved (user_id, sealed_seed, resealed)
    WHERE f.user_id = moved.user_id AND f.sealed_seed = moved.sealed_seed`
  return count
}
