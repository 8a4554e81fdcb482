import type { Deps } from '../../deps.js'
import { countMissingFactors } from './enrolment/queries.js'

/** More are as good a reason to read the setting again, and need not be counted. */
const mostCounted = 10_000

/**
 * Tells at the start whom REQUIRE_MFA will stop at their next sign-in, so that a setting that says more than its author thought is seen
 * before they are. Never throws.
 */
export async function tellMissingFactors({
  config,
  log,
  sql,
}: Pick<Deps, 'config' | 'log' | 'sql'>): Promise<void> {
  try {
    const users = await countMissingFactors(sql, { requireMfa: config.requireMfa, limit: mostCounted })
    if (users === 0) return
    const message =
      'users must set up a second factor at their next sign-in: REQUIRE_MFA; their open sessions go on'
    log.warn({ users, orMore: users === mostCounted }, message)
  } catch (error) {
    log.warn({ err: error }, 'it could not be counted who must set up a second factor: REQUIRE_MFA')
  }
}
