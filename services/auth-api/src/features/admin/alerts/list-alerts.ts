import type { AlertFilter, Alerts } from '@latchkey/contracts/http/alerts'
import type { Deps } from '../../../deps.js'
import { readPage, readTime, startOf } from '../read-page.js'
import { alertAnswer } from './alert-answer.js'
import { type AlertList, alertsQuery, findEndOfAlerts } from './queries.js'

/** A page of the alerts that fit the filter, newest first. @throws AppError validation_failed. */
export async function listAlerts({ sql }: Pick<Deps, 'sql'>, filter: AlertFilter): Promise<Alerts> {
  const list: AlertList = {
    before: startOf(filter.cursor, readTime(filter.to, '/to')),
    since: readTime(filter.from, '/from'),
    rule: filter.rule ?? null,
    severity: filter.severity ?? null,
    isOpen: filter.state === undefined ? null : filter.state === 'open',
    userId: filter.userId ?? null,
  }
  const { rows, nextCursor } = await readPage(filter.limit, {
    find: async (limit) => alertsQuery(sql, list, limit),
    findEnd: () => findEndOfAlerts(sql, list),
  })
  return { alerts: rows.map((row) => alertAnswer(row)), nextCursor }
}
