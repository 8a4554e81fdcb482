import { AppError } from '@latchkey/contracts/errors'
import type { AdminEvents, EventFilter } from '@latchkey/contracts/http/admin'
import type { Deps } from '../../../deps.js'
import { plainAddress } from '../../../request-origin.js'
import { readPage, readTime, startOf } from '../read-page.js'
import { type EventList, eventsQuery, findEndOfEvents } from './queries.js'

/** A page of the security events that fit the filter, newest first. @throws AppError validation_failed. */
export async function listEvents({ sql }: Pick<Deps, 'sql'>, filter: EventFilter): Promise<AdminEvents> {
  const list: EventList = {
    before: startOf(filter.cursor, readTime(filter.to, '/to')),
    since: readTime(filter.from, '/from'),
    userId: filter.userId ?? null,
    type: filter.type ?? null,
    severity: filter.severity ?? null,
    ip: filter.ip === undefined ? null : readAddress(filter.ip),
  }
  const { rows, nextCursor } = await readPage(filter.limit, {
    find: async (limit) => eventsQuery(sql, list, limit),
    findEnd: () => findEndOfEvents(sql, list),
  })
  return {
    events: rows.map((row) => ({ ...row, occurredAt: row.occurredAt.toISOString() })),
    nextCursor,
  }
}

function readAddress(text: string): string {
  const address = plainAddress(text)
  if (address !== null) return address
  throw new AppError('validation_failed', undefined, {
    errors: [{ path: '/ip', message: 'is not an address' }],
  })
}
