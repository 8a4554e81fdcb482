import type { Sql } from '@latchkey/platform/database/client'
import { listAlerts, type DescribedAlert } from './queries.js'

/** The alerts as they are now, some lines each, for people who read them on a telephone at night. */
export async function describeAlerts(sql: Sql, ids: readonly string[]): Promise<string[]> {
  const alerts = await listAlerts(sql, ids)
  return alerts.map((alert) => describe(alert))
}

function describe({
  id,
  severity,
  userId,
  ip,
  eventCount,
  firstAt,
  lastAt,
  actions,
}: DescribedAlert): string {
  const done = actions.filter((action) => action !== 'mail_operators')
  return [
    `${severity}, ${shortTime(firstAt)} to ${shortTime(lastAt)}, ${eventCount} events`,
    ...(userId === null ? [] : [`  user ${userId}`]),
    ...(ip === null ? [] : [`  from ${ip}`]),
    ...(done.length === 0 ? [] : [`  done: ${done.join(', ')}`]),
    `  alert ${id}`,
  ].join('\n')
}

const shortTime = (time: Date): string =>
  time
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC')
