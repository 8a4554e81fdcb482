import type { SecurityEvent } from '@latchkey/contracts/events'

export interface RefusedEvent {
  readonly event: SecurityEvent
  /** Why PostgreSQL will never take it. */
  readonly error: Error
}

/**
 * Inserts a batch; when PostgreSQL refuses what is in it, halves it until the event that is to blame stands alone, so that it
 * can't keep the others from being stored. Any other error (PostgreSQL away) is thrown: then every event is as good as before.
 */
export async function insertSplitting<Result>(
  events: readonly SecurityEvent[],
  insert: (events: readonly SecurityEvent[]) => Promise<Result>,
): Promise<{ results: Result[]; refused: RefusedEvent[] }> {
  try {
    return { results: [await insert(events)], refused: [] }
  } catch (error) {
    const [event, ...others] = events
    if (event === undefined || !isRefusalOfContent(error)) throw error
    if (others.length === 0) return { results: [], refused: [{ event, error }] }
    const middle = Math.ceil(events.length / 2)
    const first = await insertSplitting(events.slice(0, middle), insert)
    const second = await insertSplitting(events.slice(middle), insert)
    return {
      results: [...first.results, ...second.results],
      refused: [...first.refused, ...second.refused],
    }
  }
}

/** SQLSTATE classes data exception, integrity constraint violation and program limit exceeded. */
function isRefusalOfContent(error: unknown): error is Error {
  if (!(error instanceof Error && 'code' in error)) return false
  return typeof error.code === 'string' && /^(?:22|23|54)[\dA-Z]{3}$/.test(error.code)
}
