import type { Deps } from '../deps.js'
import type { RaisedAlert } from './raise-alert.js'

/**
 * To be called after the commit. An incident counts when its alert stands. Should this process die before the sessions are on the list of
 * revocations, the relay of their events puts them there.
 */
export async function noteRaised(
  { log, metrics, revocations }: Pick<Deps, 'log' | 'metrics' | 'revocations'>,
  raised: readonly RaisedAlert[],
): Promise<void> {
  for (const { id, rule, isNewIncident } of raised) {
    if (!isNewIncident) continue
    metrics.securityAlertsTotal.inc({ rule })
    log.warn({ alertId: id, rule }, 'An alert was raised')
  }
  const ended = raised.flatMap(({ endedSessionIds }) => endedSessionIds)
  if (ended.length > 0) await revocations.revoke(ended)
}
