import type { Sql } from '@latchkey/platform/database/client'
import { firstSpan, nextSpan } from './page-span.js'
import { countSessionPages, deleteEndedSessions, type DeletedSessions } from './queries.js'

export interface Walk {
  batchSize: number
  keepRevokedSeconds: number
  signal: AbortSignal
  onBatch: (deleted: DeletedSessions, progress: { page: number; pages: number }) => void
}

/**
 * Deletes the sessions that have ended, on one walk through the heap, a range of pages at a time.
 * No index tells which have: everything that a refresh moves is left out of indexes on purpose (heap-only updates), so that
 * a full look is the price, once an interval, and a TID range scan reads each page once.
 */
export async function walkSessions(sql: Sql, { batchSize, keepRevokedSeconds, signal, onBatch }: Walk) {
  const pages = await countSessionPages(sql)
  let page = 0
  let from = '(0,0)'
  let span = firstSpan
  while (page < pages && !signal.aborted) {
    const beforePage = Math.min(page + span, pages)
    const startedAt = performance.now()
    const deleted = await deleteEndedSessions(sql, { from, beforePage, limit: batchSize, keepRevokedSeconds })
    const count = deleted.expired + deleted.revoked
    const stoppedAt = count >= batchSize ? deleted.last : null
    const nextPage = stoppedAt === null ? beforePage : pageOf(stoppedAt)
    span = nextSpan(
      {
        pages: Math.max(1, nextPage - page),
        deleted: count,
        milliseconds: performance.now() - startedAt,
      },
      batchSize,
    )
    from = stoppedAt ?? `(${beforePage},0)`
    page = nextPage
    onBatch(deleted, { page, pages })
  }
}

function pageOf(ctid: string): number {
  return Number(ctid.slice(1, ctid.indexOf(',')))
}
