import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import { AppError } from '@latchkey/contracts/errors'
import type { ExportedEvent, PersonalData } from '@latchkey/contracts/http/personal-data'
import type { Deps } from '../../deps.js'
import { afterAll } from '../../list-cursor.js'
import type { RequestOrigin } from '../../request-origin.js'
import { listEventsOf, type EventRow } from './exported/queries.js'
import { readFacts } from './exported/read-facts.js'

type ExportDeps = Pick<Deps, 'events' | 'limits' | 'sql'>

export interface ExportRequest {
  userId: string
  sessionId: string
  origin: RequestOrigin
}

/** As much as one statement reads and this process holds at once. */
const eventsPerPage = 500

/**
 * Everything that is kept of a user, as the pieces of one JSON document: however much it is, it is read a page at a time, and no
 * connection is kept while a slow reader takes it. The export is told of first, and does not happen when it cannot be told.
 * @throws AppError rate_limited, session_revoked.
 */
export async function exportPersonalData(
  deps: ExportDeps,
  { userId, sessionId, origin }: ExportRequest,
): Promise<AsyncGenerator<string>> {
  await deps.limits.consume('exportAccount', userId, origin)
  const facts = await readFacts(deps.sql, userId)
  // A user who was deleted or disabled after the access token was checked has no session either.
  if (facts === null) throw new AppError('session_revoked')
  const event = { ...origin, userId, actorId: userId, sessionId }
  await deps.events.report(newSecurityEvent('user.exported', event))
  return writeDocument(facts, readEvents(deps, userId))
}

async function* writeDocument(
  facts: Omit<PersonalData, 'events'>,
  pages: AsyncIterable<ExportedEvent[]>,
): AsyncGenerator<string> {
  yield `${JSON.stringify(facts, null, 1).slice(0, -2)},\n "events": [`
  let separator = '\n'
  for await (const events of pages) {
    yield separator + events.map((event) => JSON.stringify(event)).join(',\n')
    separator = ',\n'
  }
  yield '\n ]\n}\n'
}

async function* readEvents({ sql }: ExportDeps, userId: string): AsyncGenerator<ExportedEvent[]> {
  let before = afterAll
  for (;;) {
    const rows = await listEventsOf(sql, { userId, before, limit: eventsPerPage })
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows.map(describeEvent)
    if (rows.length < eventsPerPage) return
    before = last
  }
}

const describeEvent = (row: EventRow): ExportedEvent => ({
  id: row.id,
  occurredAt: row.occurredAt.toISOString(),
  type: row.type,
  severity: row.severity,
  sessionId: row.sessionId,
  byYourself: row.byYourself,
  ipAddress: row.ipAddress,
  userAgent: row.userAgent,
  data: row.data,
})
