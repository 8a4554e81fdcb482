import { needsSecondFactor } from '@latchkey/platform/accounts/queries'
import type { MfaRequirement } from '@latchkey/platform/config/config'
import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'

export interface NewChallenge {
  tokenHash: Buffer
  userId: string
  /** The hash that the presented password was checked against; null where something else was presented. */
  passwordHash: string | null
  amr: string[]
  deviceName: string | null
  requireMfa: MfaRequirement
  ttlSeconds: { challenge: number; enrolment: number }
  origin: RequestOrigin
}

/** What a sign-in waits for. */
export interface Waiting {
  /** There is no second factor yet, and there must be one. */
  isEnrolment: boolean
  hasTotp: boolean
  hasPasskeys: boolean
  hasRecoveryCodes: boolean
}

/** Ends what `require_second_factor` began: the password alone is enough again, where it was before. */
export async function clearSecondFactorDemand(sql: Sql, userId: string): Promise<void> {
  await sql`UPDATE users SET mfa_required_at = NULL WHERE id = ${userId} AND mfa_required_at IS NOT NULL`
}

/**
 * Keeps a passed first factor until the second is given, or set up by who must have one, and tells of it: whoever got this far knows the
 * password. Null when the password was changed, the second factor removed, or the user disabled or deleted meanwhile. Takes no lock: the
 * row names the time of the password that it was read with, and what consumes it compares.
 */
export async function insertChallenge(
  sql: Sql,
  { origin, ...challenge }: NewChallenge,
): Promise<Waiting | null> {
  const [row] = await sql<Waiting[]>`
    WITH owner AS (
      SELECT u.id, c.password_changed_at, u.mfa_enabled AS has_totp, has_passkeys,
        NOT u.mfa_enabled AND NOT has_passkeys AS is_enrolment
      FROM users u LEFT JOIN credentials c ON c.user_id = u.id, LATERAL (${usablePasskeys(sql)}) AS others
      WHERE u.id = ${challenge.userId} AND u.disabled_at IS NULL
        AND (u.mfa_enabled OR (u.mfa_required_at IS NOT NULL AND has_passkeys) OR ${needsSecondFactor(sql, challenge.requireMfa)})
        -- Whoever has a password that is in doubt shall not make a second factor of their own the account's.
        AND (u.mfa_required_at IS NULL OR u.mfa_enabled OR has_passkeys OR ${challenge.passwordHash}::text IS NULL)
        AND (${challenge.passwordHash}::text IS NULL OR c.password_hash = ${challenge.passwordHash})
    ), challenge AS (
      INSERT INTO sign_in_challenges (token_hash, user_id, password_changed_at, amr, device_name, purpose, expires_at)
      SELECT ${challenge.tokenHash}, id, password_changed_at, ${challenge.amr}::text[], ${challenge.deviceName},
        CASE WHEN is_enrolment THEN 'enrolment' ELSE 'second_factor' END,
        now() + make_interval(secs => CASE WHEN is_enrolment THEN ${challenge.ttlSeconds.enrolment}::float8 ELSE ${challenge.ttlSeconds.challenge} END)
      FROM owner
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, ip, user_agent, request_id, data)
      SELECT CASE WHEN is_enrolment THEN 'mfa.enrolment_required' ELSE 'mfa.challenged' END, 'info', id,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('amr', to_jsonb(${challenge.amr}::text[]))
      FROM owner
    )
    SELECT is_enrolment, has_totp, has_passkeys, EXISTS (SELECT FROM recovery_codes r WHERE r.user_id = owner.id) AS has_recovery_codes
    FROM owner`
  return row ?? null
}

/** Of a user `u`. */
const usablePasskeys = (sql: Sql) =>
  sql`SELECT EXISTS (SELECT FROM passkeys WHERE user_id = u.id AND disabled_at IS NULL) AS has_passkeys`

/** The user who began a sign-in that may still be completed. */
export async function findChallenge(sql: Sql, tokenHash: Buffer): Promise<{ userId: string } | null> {
  const [row] = await sql<{ userId: string }[]>`
    SELECT user_id FROM sign_in_challenges
    WHERE token_hash = ${tokenHash} AND purpose = 'second_factor' AND expires_at > now()`
  return row ?? null
}

/**
 * Uses a passed first factor up. Null when another request did, when it has expired, or when the password is another one than then. Under
 * `lockOwner`, so that it stays that one until the session is open.
 */
export async function consumeChallenge(
  sql: Sql,
  { tokenHash, userId }: { tokenHash: Buffer; userId: string },
): Promise<{ amr: string[]; deviceName: string | null } | null> {
  const [row] = await sql<{ amr: string[]; deviceName: string | null }[]>`
    DELETE FROM sign_in_challenges
    WHERE token_hash = ${tokenHash} AND user_id = ${userId} AND purpose = 'second_factor' AND expires_at > now()
      AND password_changed_at IS NOT DISTINCT FROM (SELECT password_changed_at FROM credentials WHERE user_id = ${userId})
    RETURNING amr, device_name`
  return row ?? null
}

/**
 * Waits for what is under way with the credential and the user, in the order that sign-in and change of password lock them in, and makes
 * what comes later wait for the caller's transaction. Whatever changes factors, or is done by one, begins with this, so that the statements
 * after it see each other's work, and none waits for another the wrong way round.
 */
export async function lockOwner(sql: Sql, userId: string): Promise<void> {
  await sql`
    WITH credential AS (
      SELECT user_id FROM credentials WHERE user_id = ${userId} FOR NO KEY UPDATE
    )
    SELECT id FROM users WHERE id = ${userId} AND (SELECT count(*) FROM credential) >= 0 FOR NO KEY UPDATE`
}

export interface TotpFactor {
  sealedSeed: Buffer
  lastUsedStep: bigint
}

/** The one in force. */
export async function findTotpFactor(sql: Sql, userId: string): Promise<TotpFactor | null> {
  const [row] = await sql<TotpFactor[]>`
    SELECT sealed_seed, last_used_step FROM totp_factors WHERE user_id = ${userId} AND sealed_seed IS NOT NULL`
  return row ?? null
}

/**
 * Uses a time step up, so that no code of it or of an earlier one is good again. `sealedSeed` is the factor that was read, `resealed`
 * what takes its place. False when another request was first, or the factor is another one by now.
 */
export async function useStep(
  sql: Sql,
  {
    userId,
    step,
    sealedSeed,
    resealed,
  }: { userId: string; step: number; sealedSeed: Buffer; resealed: Buffer },
): Promise<boolean> {
  const { count } = await sql`
    UPDATE totp_factors SET last_used_step = ${step}, sealed_seed = ${resealed}
    WHERE user_id = ${userId} AND sealed_seed = ${sealedSeed} AND last_used_step < ${step}`
  return count === 1
}

export interface UsedRecoveryCode {
  userId: string
  codeHash: Buffer
  /** Null at sign-in, which has none yet. */
  sessionId: string | null
  during: string
  /** From so many on its owner is told to make new ones. */
  few: number
  origin: RequestOrigin
}

/** Uses a recovery code up and tells of it with how many are left, under `lockOwner`. False when there is none like it. */
export async function useRecoveryCode(sql: Sql, { origin, ...code }: UsedRecoveryCode): Promise<boolean> {
  const rows = await sql`
    WITH used AS (
      DELETE FROM recovery_codes WHERE user_id = ${code.userId} AND code_hash = ${code.codeHash} RETURNING user_id
    ), remaining AS (
      -- Of the time before this statement, so the one that is used is among them.
      SELECT count(*) - 1 AS codes FROM recovery_codes WHERE user_id = ${code.userId}
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, session_id, ip, user_agent, request_id, data)
      SELECT 'recovery_code.used', 'warning', user_id, ${code.sessionId}::uuid,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
        jsonb_build_object('during', ${code.during}::text, 'remaining', codes, 'few', codes <= ${code.few})
      FROM used, remaining
    )
    SELECT user_id FROM used`
  return rows.length > 0
}
