import type { AdminEvent } from '@latchkey/contracts/http/admin'
import type { Deps } from '../../../deps.js'
import { findStanding } from '../admin-standing.js'
import { readStats } from '../stats/read-stats.js'
import { findLastPlace, listEventsAfter, type PlacedEventRow } from './queries.js'
import { createEventStream, type EventStream } from './server-sent-events.js'

export interface Viewer {
  readonly sessionId: string
  /** What the client has seen last; null for one that comes for the first time. */
  readonly after: bigint | null
}

export interface LiveFeed {
  /** Null when as many look on as one process serves. */
  open(viewer: Viewer): Promise<EventStream | null>
  /** Ends all streams; their clients come back, to another process. */
  close(): void
}

export const mostViewers = 50

const turnMs = 1000
const turnsPerStats = 5
const turnsPerKeepAlive = 15
const turnsPerCheck = 5
const eventsPerTurn = 500
/** Whoever was away for longer than this many events is told of the gap, and looks into the list for what was in it. */
const mostEventsBehind = 5000n

interface View {
  readonly stream: EventStream
  readonly sessionId: string
  /** What it has seen last; null until that is known. */
  after: bigint | null
}

/**
 * The security log and the statistics as they grow, for whoever looks on. All viewers of a process share one look at the database a second;
 * without one there is none. A viewer whose session ends, or who loses the role, sees nothing after the next check.
 */
export function createLiveFeed(deps: Pick<Deps, 'log' | 'sql'>, readers: readonly string[]): LiveFeed {
  const { log, sql } = deps
  const views = new Set<View>()
  let turns = 0
  let timer: NodeJS.Timeout | null = null

  async function takeTurn(): Promise<void> {
    turns += 1
    if (turns % turnsPerCheck === 0) await checkViewers()
    await sendNewEvents()
    if (turns % turnsPerStats === 0) await sendStats([...views])
    if (turns % turnsPerKeepAlive === 0) for (const { stream } of views) stream.keepAlive()
  }

  /** Viewers that have seen the same share a query: after a second that is all of them. */
  async function sendNewEvents(): Promise<void> {
    const places = new Set([...views].flatMap((view) => view.after ?? []))
    for (const place of places) {
      const rows = await listEventsAfter(sql, place, eventsPerTurn)
      for (const view of views) if (view.after === place) sendEvents(view, rows)
    }
  }

  async function sendStats(to: readonly View[]): Promise<void> {
    if (to.length === 0) return
    const data = await readStats(deps)
    for (const { stream } of to) stream.send({ event: 'stats', data })
  }

  async function checkViewers(): Promise<void> {
    for (const view of views) {
      const standing = await findStanding(deps, view.sessionId)
      if (standing === null || !standing.roles.some((role) => readers.includes(role))) view.stream.end()
    }
  }

  // The next one is a second after the end of this one, so that a slow database is not asked twice at once.
  function scheduleTurn(): void {
    timer = setTimeout(() => {
      void takeTurn()
        .catch((error: unknown) => log.warn({ err: error }, 'the live feed waits for PostgreSQL'))
        .finally(() => {
          timer = null
          if (views.size > 0) scheduleTurn()
        })
    }, turnMs)
  }

  return {
    async open({ sessionId, after }) {
      if (views.size >= mostViewers) return null
      const stream = createEventStream()
      const view: View = { stream, sessionId, after: null }
      views.add(view) // before anything is awaited: of many at once no more than the bound come in
      stream.body.once('close', () => views.delete(view))
      try {
        const last = await findLastPlace(sql)
        const isBehind = after !== null && after <= last && last - after <= mostEventsBehind
        if (after !== null && !isBehind)
          stream.send({ event: 'gap', data: { from: String(after) }, id: String(last) })
        await sendStats([view])
        view.after = isBehind ? after : last
      } catch (error) {
        stream.body.destroy()
        throw error
      }
      if (timer === null) scheduleTurn()
      return stream
    },
    close() {
      for (const { stream } of views) stream.end()
    },
  }
}

function sendEvents(view: View, rows: readonly PlacedEventRow[]): void {
  for (const { seq, occurredAt, ...row } of rows) {
    const data: AdminEvent = { ...row, occurredAt: occurredAt.toISOString() }
    if (!view.stream.send({ event: 'security-event', data, id: String(seq) })) return
    view.after = seq
  }
}
