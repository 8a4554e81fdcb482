import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'

export interface StoredPasskey {
  id: string
  userId: string
  publicKey: Buffer
  isSynced: boolean
  isDisabled: boolean
  /** Of its owner. */
  isAddressProven: boolean
}

export async function findPasskey(sql: Sql, credentialId: Buffer): Promise<StoredPasskey | null> {
  const [row] = await sql<StoredPasskey[]>`
    SELECT p.id, p.user_id, p.public_key, p.is_synced, p.disabled_at IS NOT NULL AS is_disabled,
      u.email_verified_at IS NOT NULL AS is_address_proven
    FROM passkeys p JOIN users u ON u.id = p.user_id
    WHERE p.credential_id = ${credentialId}`
  return row ?? null
}

/**
 * Notes that a passkey was used, under `lockOwner`. `not_risen`: whoever signed has not counted on from where the passkey was last, or
 * somebody else has signed with the same key since. `gone`: removed or disabled meanwhile.
 */
export async function usePasskey(
  sql: Sql,
  use: { id: string; signCount: number; isBackedUp: boolean },
): Promise<'used' | 'not_risen' | 'gone'> {
  const { count } = await sql`
    UPDATE passkeys SET sign_count = ${use.signCount}, is_backed_up = ${use.isBackedUp}, last_used_at = now()
    WHERE id = ${use.id} AND disabled_at IS NULL
      AND (sign_count < ${use.signCount} OR (sign_count = 0 AND ${use.signCount} = 0))` // of those that do not count
  if (count === 1) return 'used'
  const rows = await sql`SELECT FROM passkeys WHERE id = ${use.id} AND disabled_at IS NULL`
  return rows.length > 0 ? 'not_risen' : 'gone'
}

/** Takes a passkey out of use that somebody else has too, and tells of it. */
export async function disablePasskey(
  sql: Sql,
  {
    id,
    during,
    sessionId,
    origin,
  }: { id: string; during: string; sessionId: string | null; origin: RequestOrigin },
): Promise<void> {
  await sql`
    WITH disabled AS (
      UPDATE passkeys SET disabled_at = now() WHERE id = ${id} RETURNING id, user_id, name
    )
    INSERT INTO outbox (type, severity, user_id, session_id, ip, user_agent, request_id, data)
    SELECT 'passkey.clone_suspected', 'critical', user_id, ${sessionId}::uuid,
      ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
      jsonb_build_object('passkeyId', id, 'name', name, 'during', ${during}::text)
    FROM disabled`
}

export interface PasskeyRow {
  id: string
  name: string
  isSynced: boolean
  createdAt: Date
  lastUsedAt: Date | null
  disabledAt: Date | null
}

export async function listPasskeysOf(sql: Sql, userId: string): Promise<PasskeyRow[]> {
  return sql<PasskeyRow[]>`
    SELECT id, name, is_synced, created_at, last_used_at, disabled_at FROM passkeys
    WHERE user_id = ${userId} ORDER BY created_at DESC, id DESC`
}

/** How an authenticator is told of a passkey. */
export interface DescribedPasskey {
  credentialId: Buffer
  transports: string[]
}

/** Those that can be used. */
export async function listUsablePasskeys(sql: Sql, userId: string): Promise<DescribedPasskey[]> {
  return sql<DescribedPasskey[]>`
    SELECT credential_id, transports FROM passkeys
    WHERE user_id = ${userId} AND disabled_at IS NULL ORDER BY created_at, id`
}

/** False when the user has none of this id. */
export async function renamePasskey(
  sql: Sql,
  { id, userId, name }: { id: string; userId: string; name: string },
): Promise<boolean> {
  const { count } = await sql`UPDATE passkeys SET name = ${name} WHERE id = ${id} AND user_id = ${userId}`
  return count === 1
}

/** Null when the user has none of this id. */
export async function findOwnPasskey(
  sql: Sql,
  { id, userId }: { id: string; userId: string },
): Promise<{ isDisabled: boolean } | null> {
  const [row] = await sql<{ isDisabled: boolean }[]>`
    SELECT disabled_at IS NOT NULL AS is_disabled FROM passkeys WHERE id = ${id} AND user_id = ${userId}`
  return row ?? null
}

export interface PasskeyRemoval {
  userId: string
  /** Which one; all that are as young as `since` without. */
  id?: string
  /** As PostgreSQL writes a time. */
  since?: string
  /** Whoever does it, and in which session. */
  actorId: string
  sessionId: string | null
  reason: 'user_removed' | 'admin_reset' | 'address_proven' | 'email_change_undone'
  origin: RequestOrigin
}

/**
 * Removes passkeys and tells of it once, however many they are, under `lockOwner`; answers how many. Recovery codes go with the last factor
 * that they stand in for, and those of `since` with what was made then.
 */
export async function deletePasskeys(sql: Sql, { origin, ...removal }: PasskeyRemoval): Promise<number> {
  const [row] = await sql<[{ removed: number }]>`
    WITH removed AS (
      DELETE FROM passkeys
      WHERE user_id = ${removal.userId} AND coalesce(id = ${removal.id ?? null}::uuid, true)
        AND coalesce(created_at >= ${removal.since ?? null}::text::timestamptz, true)
      RETURNING id, name
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
      SELECT 'passkey.removed', 'notice', ${removal.userId}::uuid, ${removal.actorId}::uuid, ${removal.sessionId}::uuid,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId},
        jsonb_build_object('reason', ${removal.reason}::text, 'passkeyIds', jsonb_agg(id), 'names', jsonb_agg(name))
      FROM removed HAVING count(*) > 0
    )
    SELECT count(*)::int AS removed FROM removed`
  await sql`
    DELETE FROM recovery_codes WHERE user_id = ${removal.userId} AND (
      coalesce(created_at >= ${removal.since ?? null}::text::timestamptz, false) OR (
        NOT EXISTS (SELECT FROM totp_factors WHERE user_id = ${removal.userId} AND sealed_seed IS NOT NULL)
        AND NOT EXISTS (SELECT FROM passkeys WHERE user_id = ${removal.userId} AND disabled_at IS NULL)))`
  return row.removed
}
