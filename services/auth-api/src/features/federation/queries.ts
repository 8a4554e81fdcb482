import { securityEventTypes } from '@latchkey/contracts/events'
import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'
import type { ForeignIdentity } from './providers/foreign-identity.js'

/** What a sign-in elsewhere is for. The session is the one that asked for it, and gets it. */
export type Purpose =
  | { readonly kind: 'sign_in' }
  | { readonly kind: 'link' | 'step_up'; readonly userId: string; readonly sessionId: string }

const idsOf = (purpose: Purpose): { userId: string | null; sessionId: string | null } =>
  purpose.kind === 'sign_in' ? { userId: null, sessionId: null } : purpose

interface StepRow {
  purpose: Purpose['kind']
  userId: string | null
  sessionId: string | null
  appHash: Buffer | null
  returnTo: string
}

function takenFrom({ purpose: kind, userId, sessionId, appHash, returnTo }: StepRow): TakenStep {
  if (kind === 'sign_in') return { purpose: { kind }, appHash, returnTo }
  if (userId === null || sessionId === null) throw new Error('A step of a session names none')
  return { purpose: { kind, userId, sessionId }, appHash, returnTo }
}

export interface Ticket {
  tokenHash: Buffer
  provider: string
  purpose: Purpose
  /** Who will hold the code: whoever knows what this is the SHA-256 of. Null for the browser that is led on. */
  appHash: Buffer | null
  returnTo: string
  ttlSeconds: number
}

/** For a session whose browser is to be led on from here. */
export async function insertTicket(sql: Sql, { purpose, ...ticket }: Ticket): Promise<void> {
  const { userId, sessionId } = idsOf(purpose)
  await sql`
    INSERT INTO federation_steps (token_hash, step, purpose, provider, app_hash, return_to, user_id, session_id, expires_at)
    VALUES (${ticket.tokenHash}, 'ticket', ${purpose.kind}, ${ticket.provider}, ${ticket.appHash}, ${ticket.returnTo},
      ${userId}::uuid, ${sessionId}::uuid, now() + make_interval(secs => ${ticket.ttlSeconds}))`
}

export type TakenStep = Pick<Ticket, 'purpose' | 'appHash' | 'returnTo'>

/** Once; null for one that is used, expired or another provider's. */
export async function takeTicket(
  sql: Sql,
  { tokenHash, provider }: Pick<Ticket, 'tokenHash' | 'provider'>,
): Promise<TakenStep | null> {
  const [row] = await sql<StepRow[]>`
    DELETE FROM federation_steps
    WHERE token_hash = ${tokenHash} AND step = 'ticket' AND provider = ${provider} AND expires_at > now()
    RETURNING purpose, user_id, session_id, app_hash, return_to`
  return row === undefined ? null : takenFrom(row)
}

export interface Redirect extends Ticket {
  /** The browser that is led on, by its secret. */
  holderHash: Buffer
}

export async function insertRedirect(sql: Sql, { purpose, ...redirect }: Redirect): Promise<void> {
  const { userId, sessionId } = idsOf(purpose)
  await sql`
    INSERT INTO federation_steps
      (token_hash, step, purpose, provider, holder_hash, app_hash, return_to, user_id, session_id, expires_at)
    VALUES (${redirect.tokenHash}, 'redirect', ${purpose.kind}, ${redirect.provider}, ${redirect.holderHash}, ${redirect.appHash},
      ${redirect.returnTo}, ${userId}::uuid, ${sessionId}::uuid, now() + make_interval(secs => ${redirect.ttlSeconds}))`
}

/**
 * Once, of several at once too. Null for one that is used or expired, of another browser, or begun with another provider (RFC 9700, 4.4: the
 * answer of one that lies must not be taken for another's).
 */
export async function takeRedirect(
  sql: Sql,
  { tokenHash, holderHash, provider }: Pick<Redirect, 'tokenHash' | 'holderHash' | 'provider'>,
): Promise<TakenStep | null> {
  const [row] = await sql<StepRow[]>`
    DELETE FROM federation_steps
    WHERE token_hash = ${tokenHash} AND holder_hash = ${holderHash} AND step = 'redirect' AND provider = ${provider}
      AND expires_at > now()
    RETURNING purpose, user_id, session_id, app_hash, return_to`
  return row === undefined ? null : takenFrom(row)
}

export interface Nonce {
  tokenHash: Buffer
  holderHash: Buffer
  provider: string
}

export async function insertNonce(
  sql: Sql,
  { tokenHash, holderHash, provider, ttlSeconds }: Nonce & { ttlSeconds: number },
): Promise<void> {
  await sql`
    INSERT INTO federation_steps (token_hash, step, purpose, provider, holder_hash, expires_at)
    VALUES (${tokenHash}, 'nonce', 'sign_in', ${provider}, ${holderHash}, now() + make_interval(secs => ${ttlSeconds}))`
}

/** Once; false for one that is used or expired, or somebody else's. */
export async function takeNonce(sql: Sql, { tokenHash, holderHash, provider }: Nonce): Promise<boolean> {
  const { count } = await sql`
    DELETE FROM federation_steps
    WHERE token_hash = ${tokenHash} AND holder_hash = ${holderHash} AND step = 'nonce' AND provider = ${provider}
      AND expires_at > now()`
  return count === 1
}

export interface Code {
  tokenHash: Buffer
  holderHash: Buffer
  provider: string
  userId: string
  ttlSeconds: number
}

/** For whoever has signed in elsewhere. The user is the one that they turned out to be. */
export async function insertSignInCode(sql: Sql, code: Code): Promise<void> {
  await sql`
    INSERT INTO federation_steps (token_hash, step, purpose, provider, holder_hash, user_id, expires_at)
    VALUES (${code.tokenHash}, 'code', 'sign_in', ${code.provider}, ${code.holderHash}, ${code.userId},
      now() + make_interval(secs => ${code.ttlSeconds}))`
}

/** What is to be linked, which the session has yet to come for. */
export async function insertLinkCode(
  sql: Sql,
  { sessionId, identity, ...code }: Code & { sessionId: string; identity: LinkedIdentity },
): Promise<void> {
  await sql`
    INSERT INTO federation_steps (token_hash, step, purpose, provider, holder_hash, user_id, session_id, identity, expires_at)
    VALUES (${code.tokenHash}, 'code', 'link', ${code.provider}, ${code.holderHash}, ${code.userId}, ${sessionId},
      ${JSON.stringify(identity)}::text::jsonb, now() + make_interval(secs => ${code.ttlSeconds}))`
}

/** What of an identity is stored. */
export type LinkedIdentity = Pick<ForeignIdentity, 'issuer' | 'subject' | 'email'>

/** For a user who has signed in with an identity of theirs once more. False when it is nobody's or another user's. */
export async function insertStepUpCode(
  sql: Sql,
  { sessionId, identity, ...code }: Code & { sessionId: string; identity: LinkedIdentity },
): Promise<boolean> {
  const { count } = await sql`
    INSERT INTO federation_steps (token_hash, step, purpose, provider, holder_hash, user_id, session_id, expires_at)
    SELECT ${code.tokenHash}, 'code', 'step_up', i.provider, ${code.holderHash}, i.user_id, ${sessionId}::uuid,
      now() + make_interval(secs => ${code.ttlSeconds})
    FROM identities i
    WHERE i.provider = ${code.provider} AND i.issuer = ${identity.issuer} AND i.subject = ${identity.subject}
      AND i.user_id = ${code.userId}`
  return count === 1
}

export interface PresentedCode {
  tokenHash: Buffer
  holderHash: Buffer
}

/**
 * Takes the code of a sign-in, once: of several at once one gets it. Null when it is not good, whyever, or its user is disabled. First
 * it waits for what is under way with the credential and the user, in the order of all who do, as a one-time token does.
 */
export async function takeSignInCode(
  sql: Sql,
  { tokenHash, holderHash }: PresentedCode,
): Promise<{ userId: string; mfaEnabled: boolean } | null> {
  const [row] = await sql<{ userId: string; mfaEnabled: boolean }[]>`
    WITH credential AS (
      SELECT c.user_id FROM credentials c JOIN federation_steps s ON s.user_id = c.user_id
      WHERE s.token_hash = ${tokenHash} FOR NO KEY UPDATE OF c
    ), owner AS (
      SELECT u.id, u.mfa_enabled FROM users u JOIN federation_steps s ON s.user_id = u.id
      WHERE s.token_hash = ${tokenHash} AND u.disabled_at IS NULL AND (SELECT count(*) FROM credential) >= 0
      FOR NO KEY UPDATE OF u
    )
    DELETE FROM federation_steps s USING owner
    WHERE s.token_hash = ${tokenHash} AND s.holder_hash = ${holderHash} AND s.step = 'code' AND s.purpose = 'sign_in'
      AND s.expires_at > now() AND s.user_id = owner.id
    RETURNING s.user_id, owner.mfa_enabled`
  return row ?? null
}

export interface PresentedInSession extends PresentedCode {
  userId: string
  sessionId: string
}

/** For the session that asked alone: in another one it would be a stranger's identity that is linked. Once. */
export async function takeLinkCode(
  sql: Sql,
  { tokenHash, holderHash, userId, sessionId }: PresentedInSession,
): Promise<(LinkedIdentity & { provider: string }) | null> {
  const [row] = await sql<{ provider: string; identity: LinkedIdentity }[]>`
    DELETE FROM federation_steps
    WHERE token_hash = ${tokenHash} AND holder_hash = ${holderHash} AND step = 'code' AND purpose = 'link'
      AND user_id = ${userId} AND session_id = ${sessionId} AND expires_at > now()
    RETURNING provider, identity`
  return row === undefined ? null : { ...row.identity, provider: row.provider }
}

/** The same. False for one that is not good. */
export async function takeStepUpCode(
  sql: Sql,
  { tokenHash, holderHash, userId, sessionId }: PresentedInSession,
  origin: RequestOrigin,
): Promise<boolean> {
  const rows = await sql`
    WITH taken AS (
      DELETE FROM federation_steps
      WHERE token_hash = ${tokenHash} AND holder_hash = ${holderHash} AND step = 'code' AND purpose = 'step_up'
        AND user_id = ${userId} AND session_id = ${sessionId} AND expires_at > now()
      RETURNING user_id, session_id, provider
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
      SELECT 'identity.used', ${securityEventTypes['identity.used']}, user_id, user_id, session_id,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('provider', provider, 'during', 'step_up')
      FROM taken
    )
    SELECT provider FROM taken`
  return rows.length > 0
}
