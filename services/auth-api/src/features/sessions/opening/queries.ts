import type { MfaRequirement } from '@latchkey/platform/config/config'
import type { Sql, SqlFragment } from '@latchkey/platform/database/client'
import { needsSecondFactor } from '@latchkey/platform/accounts/queries'
import { fixedStatement } from '@latchkey/platform/database/fixed-statement'
import type { RequestOrigin } from '../../../request-origin.js'
import type { Lifetimes } from '../lifetimes.js'
import { isAlive, lifeOf, type LiveSessionRow, liveSession, revocationEvents } from '../queries.js'

export interface NewSession {
  sessionId: string
  userId: string
  /** The hash that the presented password was checked against; null where the caller's transaction has locked the user. */
  passwordHash: string | null
  amr: string[]
  aal: number
  /** Of a device that may stand in for the second factor; null where none was presented. */
  rememberTokenHash: Buffer | null
  rememberSeconds: number
  requireMfa: MfaRequirement
  /** Whose failures are forgotten as the session opens; null when nothing was guessed. */
  guessSubject: Buffer | null
  origin: RequestOrigin
  /** What the client calls the device; null when it gave no name. */
  deviceName: string | null
  /** What the device is called in the event. */
  shownDeviceName: string | null
  fingerprint: Buffer
  agent: Buffer
  lifetimes: Lifetimes
  /** How many other sessions the user may keep. */
  maxOtherSessions: number
}

export interface OpenedSessionRow extends LiveSessionRow {
  /** The sessions that had to end, because there would have been too many. */
  endedSessionIds: string[]
}

/** Devices of a user that are remembered; the least recently seen are forgotten. Sign-ins at once may each add one more for a while. */
const maxKnownDevices = 50

type Part = (sql: Sql, session: NewSession) => SqlFragment

interface Presented {
  /** Ends in a query `presented`: whose session it is to be, no row when they may have none, and what else is told of it. */
  readonly presented: Part
  /** What more must be true of the user `u`. */
  readonly mayEnter: Part
}

const rightPassword: Part = (sql, { userId, passwordHash }) => sql`
  SELECT user_id FROM credentials WHERE user_id = ${userId} AND password_hash = ${passwordHash}
  FOR SHARE`

const hasGivenEnough: Part = (sql, { aal, requireMfa }) =>
  sql`(${aal} > 1 OR NOT (u.mfa_enabled OR ${needsSecondFactor(sql, requireMfa)}))`

const byPassword: Presented = {
  presented: (sql, session) => sql`
    presented AS (SELECT user_id, '{}'::jsonb AS told FROM (${rightPassword(sql, session)}) AS credential)`,
  mayEnter: (sql, session) =>
    sql`${hasGivenEnough(sql, session)} AND (${session.aal} > 1 OR u.mfa_required_at IS NULL)`,
}

const byLock: Presented = {
  presented: (sql, { userId }) => sql`presented AS (SELECT ${userId}::uuid AS user_id, '{}'::jsonb AS told)`,
  mayEnter: hasGivenEnough,
}

/**
 * The device is updated, not only looked at: a removal that came first is seen, however old this statement's view is. It is locked
 * after the user, as by what forgets devices.
 */
const byPasswordOnRememberedDevice: Presented = {
  presented: (sql, session) => sql`
    credential AS (${rightPassword(sql, session)}
    ), owner AS (
      SELECT u.id, u.mfa_required_at FROM users u JOIN credential ON credential.user_id = u.id
      WHERE u.disabled_at IS NULL AND NOT u.roles && '{admin,auditor}'
      FOR NO KEY UPDATE OF u
    ), presented AS (
      UPDATE remembered_devices r SET last_used_at = now() FROM owner
      WHERE r.token_hash = ${session.rememberTokenHash} AND r.user_id = owner.id AND r.expires_at > now()
        AND r.created_at > now() - make_interval(secs => ${session.rememberSeconds})
        AND r.created_at > coalesce(owner.mfa_required_at, '-infinity')
      RETURNING r.user_id, jsonb_build_object('rememberedDevice', r.id) AS told
    )`,
  mayEnter: (sql) => sql`true`,
}

const opening = ({ presented, mayEnter }: Presented) =>
  fixedStatement<NewSession, OpenedSessionRow>((sql, session) => {
    const { agent, lifetimes, origin } = session
    return sql`
    WITH ${presented(sql, session)}, u AS (
      UPDATE users u SET last_login_at = now() FROM presented
      WHERE u.id = presented.user_id AND u.disabled_at IS NULL AND ${mayEnter(sql, session)}
      RETURNING u.*
    ), ended AS (
      SELECT end_surplus_sessions(u.id, ${session.sessionId}, ${session.maxOtherSessions}) AS id, u.id AS user_id FROM u
    ), told_ended AS (${revocationEvents(sql, { reason: 'session_limit', origin })}
    ), s AS (
      INSERT INTO sessions (id, user_id, idle_expires_at, absolute_expires_at, ip, amr, aal, device_name, user_agent, device_fingerprint)
      SELECT ${session.sessionId}, u.id,
        now() + ${lifeOf(sql, lifetimes.refreshTtlSeconds, lifetimes.adminRefreshTtlSeconds)},
        now() + ${lifeOf(sql, lifetimes.sessionMaxAgeSeconds, lifetimes.adminSessionMaxAgeSeconds)},
        ${origin.ip}::inet, ${session.amr}::text[], ${session.aal}, ${session.deviceName}, ${origin.userAgent}, ${session.fingerprint}
      FROM u
      RETURNING *
    ), device AS (
      INSERT INTO known_devices (user_id, agent_hash) SELECT u.id, ${agent} FROM u
      ON CONFLICT (user_id, agent_hash) DO UPDATE SET last_seen_at = now()
      -- Of several sign-ins from a device the one that made its row, and never the first device of all.
      RETURNING first_seen_at = now()
        AND EXISTS (SELECT FROM known_devices WHERE user_id = ${session.userId}) AS is_new
    ), forgotten AS (
      DELETE FROM known_devices WHERE user_id = ${session.userId} AND agent_hash = ANY (ARRAY(
        SELECT known.agent_hash FROM u JOIN known_devices known ON known.user_id = u.id
        WHERE known.agent_hash <> ${agent}
        ORDER BY known.last_seen_at DESC, known.agent_hash
        OFFSET ${maxKnownDevices - 1}))
    ), cleared AS (
      DELETE FROM guess_counters USING s WHERE subject = ${session.guessSubject}
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, session_id, ip, user_agent, request_id, data)
      SELECT 'login.succeeded', 'info', s.user_id, s.id, s.ip, s.user_agent, ${origin.requestId},
        jsonb_build_object('amr', to_jsonb(s.amr), 'deviceName', ${session.shownDeviceName}::text)
          || CASE WHEN device.is_new THEN '{"newDevice": true}'::jsonb ELSE '{}' END || presented.told
      FROM s, device, presented
    )
    SELECT ${liveSession(sql, lifetimes)}, ARRAY(SELECT id FROM ended) AS ended_session_ids
    FROM s JOIN u ON u.id = s.user_id`
  })
const openingByPassword = opening(byPassword)
const openingByLock = opening(byLock)
const openingOnRememberedDevice = opening(byPasswordOnRememberedDevice)

/**
 * Opens a session and tells of it, in one statement. Null when the password was changed, or the user disabled or deleted,
 * while the hash was computed: the share lock makes a change of password wait for us, or us see it. Null also for a user who has a
 * second factor, or must have one, and has not given it, whoever calls; a password and a remembered device will do, but for admins.
 * Locks in the order credential, user, sessions, as every change of password does.
 */
export async function insertSession(sql: Sql, session: NewSession): Promise<OpenedSessionRow | null> {
  const [row] = await sql.run(openingOf(session), session)
  return row ?? null
}

function openingOf({ passwordHash, rememberTokenHash }: NewSession) {
  if (passwordHash === null) return openingByLock
  return rememberTokenHash === null ? openingByPassword : openingOnRememberedDevice
}

export interface Reauthentication {
  sessionId: string
  /** The hash that the presented password was checked against; null where something else was presented. */
  passwordHash: string | null
  /** RFC 8176: how the user has just authenticated. */
  amr: string[]
  /** What that makes of the session, unless it is more already. */
  aal: number
  /** What it is called in the event. */
  method: string
  origin: RequestOrigin
  lifetimes: Lifetimes
}

const stillPresented = (sql: Sql, { sessionId, passwordHash }: Reauthentication) =>
  passwordHash === null
    ? sql`SELECT user_id FROM sessions WHERE id = ${sessionId}`
    : sql`
      SELECT c.user_id FROM credentials c JOIN sessions ON sessions.user_id = c.user_id
      WHERE sessions.id = ${sessionId} AND c.password_hash = ${passwordHash}
      FOR SHARE OF c`

/**
 * Makes the session's authentication one of now and tells of it. Null when the session has ended or the password was changed
 * while the hash was computed, as above.
 */
export async function renewAuthentication(
  sql: Sql,
  reauthentication: Reauthentication,
): Promise<LiveSessionRow | null> {
  const { sessionId, amr, aal, method, origin, lifetimes } = reauthentication
  const [row] = await sql<LiveSessionRow[]>`
    WITH credential AS (${stillPresented(sql, reauthentication)}
    ), s AS (
      UPDATE sessions s SET
        authenticated_at = now(),
        amr = s.amr || ARRAY(SELECT given FROM unnest(${amr}::text[]) AS given WHERE given <> ALL (s.amr)),
        aal = greatest(s.aal, ${aal})
      FROM credential, users u
      WHERE s.id = ${sessionId} AND u.id = credential.user_id AND ${isAlive(sql, lifetimes)}
        AND (${aal} > 1 OR NOT u.mfa_enabled)
      RETURNING s.*
    ), told AS (
      INSERT INTO outbox (type, severity, user_id, actor_id, session_id, ip, user_agent, request_id, data)
      SELECT 'session.stepped_up', 'info', user_id, user_id, id,
        ${origin.ip}::inet, ${origin.userAgent}, ${origin.requestId}, jsonb_build_object('method', ${method}::text)
      FROM s
    )
    SELECT ${liveSession(sql, lifetimes)} FROM s JOIN users u ON u.id = s.user_id`
  return row ?? null
}
