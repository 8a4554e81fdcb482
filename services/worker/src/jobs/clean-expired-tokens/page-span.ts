/** What one statement did, as far as it tells how many pages the next one should look at. */
export interface SpanOutcome {
  pages: number
  deleted: number
  milliseconds: number
}

export const firstSpan = 64

/** 64 MiB of heap: about what a statement reads within its time when nothing there has ended. */
const widestSpan = 8192

/** A statement of this length is lost in the noise of a refresh's neighbours and still makes the round trip small. */
const statementMilliseconds = 40

/** A batch that is aimed to be nearly full rarely runs into its limit, which would cost a second look at the same pages. */
const aimedFill = 0.9

/**
 * How many pages the next statement looks at: as many as should fill a batch, no more than its time allows, and at most
 * four times as many as before, because the last ones may have been unlike the next ones.
 */
export function nextSpan({ pages, deleted, milliseconds }: SpanOutcome, batchSize: number): number {
  const byRows = deleted === 0 ? widestSpan : (pages * batchSize * aimedFill) / deleted
  const byTime = (pages * statementMilliseconds) / Math.max(milliseconds, 1)
  return Math.max(1, Math.floor(Math.min(byRows, byTime, pages * 4, widestSpan)))
}
