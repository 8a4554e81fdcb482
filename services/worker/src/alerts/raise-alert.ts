import type { AlertAction, AlertRule } from '@latchkey/contracts/alerts'
import type { Sql } from '@latchkey/platform/database/client'
import { insertOutboxEvents } from '@latchkey/platform/security-events/outbox'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../deps.js'
import { actOnAccount } from './act-on-account.js'
import { addToAlert, openAlert, type AlertRow, type Incident, noteActions } from './queries.js'

export type { Incident } from './queries.js'

/** An incident that goes on after a pause of this length is another one: it is told and answered anew. */
const quietSeconds = 15 * 60

export interface RaisedAlert {
  readonly id: string
  readonly rule: AlertRule
  /** False when it only added to an incident that was told. */
  readonly isNewIncident: boolean
  readonly endedSessionIds: readonly string[]
}

/**
 * Keeps what a rule has found, in the transaction of the one who found it: one open alert for a rule and a subject. With the first of
 * an incident goes all that follows from it: what is done to the account, the mails, and the event by which log and webhooks
 * know. After the commit the caller hands what it got to `noteRaised`. Detection takes no notice of the events that this writes.
 */
export async function raiseAlert(
  sql: Sql,
  deps: Pick<Deps, 'config' | 'keyring'>,
  incident: Incident,
): Promise<RaisedAlert> {
  const alert = await keepAlert(sql, incident)
  const raised = { id: alert.id, rule: incident.rule, isNewIncident: alert.isNewIncident }
  if (!alert.isNewIncident) return { ...raised, endedSessionIds: [] }

  const wanted = deps.config.detectionActions[incident.rule] ?? []
  const { done, endedSessionIds } = await actOnAccount(sql, deps, {
    userId: incident.userId,
    alertId: alert.id,
    wanted,
  })
  const tellsOperators = wanted.includes('mail_operators') && deps.config.alertMailTo !== null
  const actions: AlertAction[] = tellsOperators ? [...done, 'mail_operators'] : done
  await noteActions(sql, alert.id, { actions, tellsOperators })
  await tellOfAlert(sql, incident, alert, actions)
  return { ...raised, endedSessionIds }
}

async function keepAlert(sql: Sql, incident: Incident): Promise<AlertRow> {
  for (;;) {
    const alert = (await addToAlert(sql, incident, quietSeconds)) ?? (await openAlert(sql, incident))
    if (alert !== null) return alert
  }
}

/** The owner's mail is written by the statement that stores the event, as every mail is. */
async function tellOfAlert(
  sql: Sql,
  { rule, subject, severity, userId, ip, count, data }: Incident,
  { id, incidents }: AlertRow,
  actions: readonly AlertAction[],
): Promise<void> {
  const told = { alertId: id, rule, subject, incident: incidents, count, actions, details: data }
  const mailOwner = actions.includes('mail_owner')
  await insertOutboxEvents(sql, [
    newSecurityEvent(
      'alert.raised',
      { userId, ip, data: { ...told, ...(mailOwner && { mailOwner }) } },
      severity,
    ),
  ])
}
