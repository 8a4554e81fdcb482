import type { Alert } from '@latchkey/contracts/http/alerts'
import { waitFor } from '../wait-for.js'
import { DrillError } from './drill-error.js'
import type { Stranger } from './stranger.js'

/** Far beyond what is promised, so that late is told from never. */
const deadlineMs = 30_000

export interface Sighting {
  readonly alertId: string
  readonly seconds: number
}

export interface AlertWatch {
  /** Waits for an alert of the rule, new or raised again since the watch began, about this user where there is one. Null when none came. */
  until: (rule: string, userId: string | null, sinceMs: number) => Promise<Sighting | null>
  /** Rules of alerts that came and nobody waited for. */
  others: () => Promise<string[]>
}

/** With an operator's access token. @throws DrillError. */
export async function watchAlerts(stranger: Stranger, token: string): Promise<AlertWatch> {
  const before = new Map((await readAlerts(stranger, token)).map((alert) => [alert.id, alert.eventCount]))
  const seen = new Set<string>()
  const fresh = async (): Promise<Alert[]> =>
    (await readAlerts(stranger, token)).filter(({ id, eventCount }) => before.get(id) !== eventCount)

  return {
    async until(rule, userId, sinceMs) {
      const find = async () =>
        (await fresh()).find(
          (alert) =>
            alert.rule === rule && !seen.has(alert.id) && (userId === null || alert.userId === userId),
        )
      const alert = await waitFor(find, { what: rule, deadlineMs, everyMs: 200 }).catch(() => null)
      if (alert === null) return null
      seen.add(alert.id)
      return { alertId: alert.id, seconds: (performance.now() - sinceMs) / 1000 }
    },
    others: async () => (await fresh()).filter(({ id }) => !seen.has(id)).map(({ rule }) => rule),
  }
}

async function readAlerts(stranger: Stranger, token: string): Promise<Alert[]> {
  const { status, code, body } = await stranger.get('/admin/alerts?state=open&limit=100', token)
  const { alerts } = body
  if (status !== 200 || !Array.isArray(alerts))
    throw new DrillError(
      `DRILL_TOKEN does not open the list of alerts (${status} ${code}): it must be the access token of an admin or auditor, of now`,
    )
  // What the API answers is what its schema says.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return alerts as Alert[]
}
