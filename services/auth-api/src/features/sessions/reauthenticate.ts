import type { Sql } from '@latchkey/platform/database/client'
import type { RequestOrigin } from '../../request-origin.js'
import { aalOf } from './assurance.js'
import type { Lifetimes } from './lifetimes.js'
import { renewAuthentication } from './opening/queries.js'
import type { LiveSessionRow } from './queries.js'

export type ReauthenticatedSession = LiveSessionRow

export interface ReauthenticateInput {
  sessionId: string
  /**
   * The hash that the presented password was checked against; nothing is renewed once it has been replaced. Null where something
   * else was presented.
   */
  passwordHash: string | null
  /** RFC 8176: how the user has just authenticated, e.g. `['pwd']`. */
  amr: string[]
  /** What it is called in the event. */
  method: string
  origin: RequestOrigin
}

/**
 * Makes the session one whose user has just authenticated, and writes `session.stepped_up`, as one statement on the pool or in the
 * caller's transaction. Its generation stays, so that the client's refresh token, and the one in another tab, stay good.
 * Null when the session has ended, the password was changed, or the user has a second factor and did not give it.
 */
export function reauthenticate(
  sql: Sql,
  { config }: { config: Lifetimes },
  input: ReauthenticateInput,
): Promise<ReauthenticatedSession | null> {
  return renewAuthentication(sql, { ...input, aal: aalOf(input.amr), lifetimes: config })
}
