import type { Config } from '@latchkey/platform/config/config'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'
import { aalOf } from './assurance.js'
import { agentOf, fingerprintOf } from './fingerprint.js'
import type { Lifetimes } from './lifetimes.js'
import { insertSession, type OpenedSessionRow } from './opening/queries.js'
import { deviceNameOf } from './user-agent.js'

export type OpenedSession = OpenedSessionRow

/** What the rules for a new session are. */
export type OpeningConfig = Lifetimes &
  Pick<Config, 'maxSessionsPerUser' | 'mfaRememberTtlSeconds' | 'requireMfa'>

export interface OpenSessionInput {
  userId: string
  /**
   * The hash that the presented password was checked against; no session opens once it has been replaced. Null where something else
   * was presented: the caller's transaction has then locked credential and user, as `consumeOneTimeToken` does.
   */
  passwordHash: string | null
  /** RFC 8176: how the user authenticated, e.g. `['pwd']`. */
  amr: string[]
  /** What the client calls the device. Without it the device is called by its user agent, which may change. */
  deviceName: string | null
  /** Of a device that may stand in for the second factor, beside the password; then it must. */
  rememberTokenHash?: Buffer
  /** The guess by which the user came in: what was counted with it is cleared as the session opens. */
  guess?: { readonly subject: Buffer }
  origin: RequestOrigin
}

/**
 * Opens a device session and writes its `login.succeeded`, as one statement on the pool or in the caller's transaction. Ends the
 * least recently used sessions beyond MAX_SESSIONS_PER_USER: once it is committed, the caller hands `endedSessionIds` to
 * `revocations.revoke`.
 * Null when the password was changed or the user disabled or deleted meanwhile: answer that as a wrong password. Null also when the
 * user has a second factor, or must have one, and `amr` has none, so that no way in goes past it: see `finishFirstFactor`.
 */
export function openSession(
  sql: Sql,
  { config }: { config: OpeningConfig },
  { userId, passwordHash, amr, deviceName, rememberTokenHash, guess, origin }: OpenSessionInput,
): Promise<OpenedSession | null> {
  const fingerprint = fingerprintOf(origin)
  return insertSession(sql, {
    sessionId: newId(),
    userId,
    passwordHash,
    amr,
    aal: aalOf(amr),
    rememberTokenHash: rememberTokenHash ?? null,
    rememberSeconds: config.mfaRememberTtlSeconds,
    requireMfa: config.requireMfa,
    guessSubject: guess?.subject ?? null,
    origin,
    deviceName,
    shownDeviceName: deviceName ?? deviceNameOf(origin.userAgent),
    fingerprint,
    agent: agentOf(fingerprint),
    lifetimes: config,
    maxOtherSessions: config.maxSessionsPerUser - 1,
  })
}
