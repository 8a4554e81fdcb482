import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'
import { fingerprintOf } from './fingerprint.js'
import { insertSession, type LiveSessionRow } from './queries.js'
import { deviceNameOf } from './user-agent.js'

export type OpenedSession = LiveSessionRow

export interface OpenSessionInput {
  userId: string
  /** The hash that the presented password was checked against; no session opens once it has been replaced. */
  passwordHash: string
  /** RFC 8176: how the user authenticated, e.g. `['pwd']`. */
  amr: string[]
  deviceName: string | null
  origin: RequestOrigin
}

/**
 * Opens a device session and writes its `login.succeeded`, as one statement on the pool or in the caller's transaction.
 * Null when the password was changed or the user disabled or deleted meanwhile: answer that as a wrong password.
 */
export function openSession(
  sql: Sql,
  deps: { config: { refreshTtlSeconds: number; sessionMaxAgeSeconds: number } },
  input: OpenSessionInput,
): Promise<OpenedSession | null> {
  return insertSession(sql, {
    sessionId: newId(),
    userId: input.userId,
    passwordHash: input.passwordHash,
    amr: input.amr,
    origin: input.origin,
    deviceName: input.deviceName ?? deviceNameOf(input.origin.userAgent),
    fingerprint: fingerprintOf(input.origin),
    refreshTtlSeconds: deps.config.refreshTtlSeconds,
    sessionMaxAgeSeconds: deps.config.sessionMaxAgeSeconds,
  })
}
