import type { OwnEvents } from '@latchkey/contracts/http/answers'
import type { Deps } from '../../deps.js'
import { afterAll, decodeCursor, encodeCursor } from '../../list-cursor.js'
import { ownEventsQuery } from './queries.js'
import { shownData, shownTypes } from './shown-events.js'

/** A page of the user's own history, newest first. @throws AppError validation_failed for a cursor that is none. */
export async function listOwnEvents(
  { sql }: Pick<Deps, 'sql'>,
  { userId, cursor, limit }: { userId: string; cursor: string | undefined; limit: number },
): Promise<OwnEvents> {
  const before = cursor === undefined ? afterAll : decodeCursor(cursor)
  const rows = await ownEventsQuery(sql, { userId, types: shownTypes, before, limit: limit + 1 })
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const hasMore = last !== undefined && rows.length > limit
  return {
    events: page.map((row) => ({
      id: row.id,
      occurredAt: row.occurredAt.toISOString(),
      type: row.type,
      severity: row.severity,
      sessionId: row.sessionId,
      ipAddress: row.ipAddress,
      userAgent: row.userAgent,
      data: shownData(row.type, row.data),
    })),
    nextCursor: hasMore ? encodeCursor({ microseconds: last.occurredMicroseconds, id: last.id }) : null,
  }
}
