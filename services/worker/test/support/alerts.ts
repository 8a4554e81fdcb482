import { defaultActions, type AlertAction, type AlertRule } from '@latchkey/contracts/alerts'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'
import { relayOutbox } from '@latchkey/platform/security-events/relay-outbox'
import { noteRaised } from '@latchkey/worker/alerts/note-raised'
import { raiseAlert, type Incident, type RaisedAlert } from '@latchkey/worker/alerts/raise-alert'
import type { Deps } from '@latchkey/worker/deps'
import { relayMails } from '@latchkey/worker/jobs/send-mail/relay-mails'

const noon = Date.parse('2030-01-01T12:00:00Z')

/** So many minutes after a moment. */
export const at = (minutes: number): string => new Date(noon + minutes * 60_000).toISOString()

export const incidentOf = (fields: Partial<Incident> = {}): Incident => ({
  rule: 'brute-force',
  subject: fields.userId ?? newId(),
  severity: 'warning',
  userId: null,
  ip: '203.0.113.7',
  eventIds: [newId()],
  count: 1,
  firstAt: at(0),
  lastAt: at(0),
  data: { network: '203.0.113.0/24' },
  ...fields,
})

/** With these actions, and those of the other rules as they are by default. */
export const depsWith = (
  deps: Deps,
  actions: Partial<Record<AlertRule, readonly AlertAction[]>> = {},
): Deps => ({
  ...deps,
  config: { ...deps.config, detectionActions: { ...defaultActions, ...actions } },
})

/** As detection does it. */
export async function raise(deps: Deps, incident: Incident): Promise<RaisedAlert> {
  const raised = await deps.sql.begin((sql) => raiseAlert(sql, deps, incident))
  await noteRaised(deps, [raised])
  return raised
}

export async function alertOf(db: Sql, id: string): Promise<Record<string, unknown>> {
  const [row] = await db`SELECT *, host(ip) AS ip FROM alerts WHERE id = ${id}`
  if (row === undefined) throw new Error('no such alert')
  return row
}

interface EventRow {
  type: string
  severity: string
  userId: string | null
  ip: string | null
  data: Record<string, unknown>
}

/** That are on their way. */
export const eventsAbout = (db: Sql, alertId: string) => db<EventRow[]>`
  SELECT type, severity, user_id, host(ip) AS ip, data FROM outbox WHERE data->>'alertId' = ${alertId} ORDER BY type, id`

/** Stores the events and sends the mails, here and now. */
export async function deliver(deps: Deps): Promise<void> {
  await relayOutbox({
    sql: deps.sql,
    queue: null,
    revocations: { repeat: async () => undefined },
    batch: 10_000,
  })
  const { signal } = new AbortController()
  await relayMails({ ...deps, redis: { ...deps.redis, isAvailable: () => false } }, signal)
}
