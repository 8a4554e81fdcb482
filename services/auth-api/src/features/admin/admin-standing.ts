import type { Deps } from '../../deps.js'
import { findStandingOf, type StandingRow } from './queries.js'

/** What a session's user may do now, whatever the access token says. Null when the session has ended or its user is disabled. */
export function findStanding({ sql }: Pick<Deps, 'sql'>, sessionId: string): Promise<StandingRow | null> {
  return findStandingOf(sql, sessionId)
}
