import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../../request-origin.js'
import type { NewCredential } from '../check-attestation.js'
import type { PasskeyRow } from '../queries.js'

export interface Registrant {
  email: string
  name: string | null
}

/** Null for a user who is gone or disabled. */
export async function findRegistrant(sql: Sql, userId: string): Promise<Registrant | null> {
  const [row] = await sql<Registrant[]>`
    SELECT email, name FROM users WHERE id = ${userId} AND disabled_at IS NULL`
  return row ?? null
}

/** Disabled ones, too: they are there to be removed. */
export async function countPasskeys(sql: Sql, userId: string): Promise<number> {
  const [row] = await sql<[{ passkeys: number }]>`
    SELECT count(*)::int AS passkeys FROM passkeys WHERE user_id = ${userId}`
  return row.passkeys
}

export interface NewPasskey extends NewCredential {
  id: string
  userId: string
  name: string
  /** Null in a sign-in, which has none yet. */
  sessionId: string | null
  origin: RequestOrigin
}

/**
 * Keeps a passkey and tells of it, under `lockOwner`. Null when the session has ended, or the user is gone or disabled.
 * `taken`: an authenticator makes each credential anew, so whoever brings one that is known has not made it.
 */
export async function insertPasskey(
  sql: Sql,
  { origin, ...passkey }: NewPasskey,
): Promise<PasskeyRow | 'taken' | null> {
  const [row] = await sql<(PasskeyRow | (Omit<PasskeyRow, 'id'> & { id: null }))[]>`
    WITH u AS (
      SELECT u.id FROM users u
      WHERE u.id = ${passkey.userId} AND u.disabled_at IS NULL AND (${passkey.sessionId}::uuid IS NULL OR EXISTS (
        SELECT FROM sessions s
        WHERE s.id = ${passkey.sessionId}::uuid AND s.user_id = u.id
          AND s.revoked_at IS NULL AND s.idle_expires_at > now() AND s.absolute_expires_at > now()))
    ), added AS (
      INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, is_synced, is_backed_up, transports, name)
      SELECT ${passkey.id}, u.id, ${passkey.credentialId}, ${passkey.publicKey}, ${passkey.signCount},
        ${passkey.isSynced}, ${passkey.isBackedUp}, ${passkey.transports}::text[], ${passkey.name}
      FROM u
      ON CONFLICT (credential_id) DO NOTHING
      RETURNING *
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
      SELECT 'passkey.added', 'notice', user_id, user_id, ${passkey.sessionId}::uuid,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('passkeyId', id, 'name', name)
      FROM added
    )
    SELECT added.id, name, is_synced, created_at, last_used_at, disabled_at FROM u LEFT JOIN added ON true`
  if (row === undefined) return null
  return row.id === null ? 'taken' : row
}

/** Whether there is a factor already that recovery codes stand in for. */
export async function hasFactor(sql: Sql, userId: string): Promise<boolean> {
  const [row] = await sql<[{ isThere: boolean }]>`
    SELECT EXISTS (SELECT FROM totp_factors WHERE user_id = ${userId} AND sealed_seed IS NOT NULL)
      OR EXISTS (SELECT FROM passkeys WHERE user_id = ${userId} AND disabled_at IS NULL) AS is_there`
  return row.isThere
}
