import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { renewAuthentication } from './opening/queries.js'
import type { LiveSessionRow } from './queries.js'

export type ReauthenticatedSession = LiveSessionRow

export interface ReauthenticateInput {
  sessionId: string
  /** The hash that the presented password was checked against; nothing is renewed once it has been replaced. */
  passwordHash: string
  /** RFC 8176: how the user has just authenticated, e.g. `pwd`. */
  method: string
  origin: RequestOrigin
}

/**
 * Makes the session one whose user has just authenticated, and writes `session.stepped_up`. Its generation stays, so that the
 * client's refresh token, and the one in another tab, stay good. Null when the session has ended or the password was changed.
 */
export function reauthenticate(
  { sql, config }: Pick<Deps, 'sql' | 'config'>,
  input: ReauthenticateInput,
): Promise<ReauthenticatedSession | null> {
  return renewAuthentication(sql, { ...input, lifetimes: config })
}
