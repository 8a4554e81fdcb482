import { ownerConnections } from '../deps.js'
import type { GivenRow } from './given-row.js'
import { checkRow, type ImportedUser, type RowRules } from './imported-row.js'
import { checkBatch, insertBatch, type Store, type StoredBatch } from './insert-batch.js'
import { becomeOwner, insertImportEvent } from './queries.js'
import type { RejectedRow } from './rejected-rows.js'

/** Big enough that a transaction costs nothing beside its rows, and small enough that a stop waits for a moment. */
const batchSize = 5000

export interface ImportCounts {
  /** The last line that was read. */
  line: number
  imported: number
  present: number
  rejected: number
}

export interface ImportOptions {
  readonly rules: RowRules
  /** For the event. */
  readonly fileName: string
  readonly isDryRun: boolean
  readonly signal: AbortSignal
  readonly reject: (row: RejectedRow) => Promise<void>
  readonly onProgress: (counts: Readonly<ImportCounts>) => void
}

/**
 * Reads rows while the batches before are being stored, so that memory stays as it is however many there are. Stops behind a batch when it
 * is asked to or PostgreSQL is away; what was stored until then stays, is told of in one event, and is skipped the next time. Answers whether
 * it read to the end.
 */
export async function importUsers(
  store: Store,
  rows: AsyncIterable<GivenRow>,
  counts: ImportCounts,
  options: ImportOptions,
): Promise<boolean> {
  const { rules, isDryRun, signal, reject, onProgress } = options
  let batch: ImportedUser[] = []
  const storing = new Set<Promise<void>>()

  async function rejectRow(row: RejectedRow): Promise<void> {
    counts.rejected += 1
    await reject(row)
  }

  async function settle({ imported, present, refused }: StoredBatch): Promise<void> {
    counts.imported += imported
    counts.present += present
    for (const { user, error } of refused)
      await rejectRow({ line: user.line, errors: [error], row: user.row })
    onProgress(counts)
  }

  async function storeBatch(): Promise<void> {
    while (storing.size >= ownerConnections) await Promise.race(storing)
    const users = batch
    batch = []
    const stored = (isDryRun ? checkBatch(store, users) : insertBatch(store, users)).then(settle)
    storing.add(stored)
    stored.then(
      () => storing.delete(stored),
      () => undefined, // stays, and is thrown where it is awaited
    )
  }

  let isComplete = false
  try {
    for await (const row of rows) {
      if (signal.aborted) return false
      counts.line = row.line
      const checked =
        row.fault === null
          ? checkRow(row.line, row.value, rules)
          : { errors: [{ path: '', message: row.fault }] }
      if (checked.errors !== null) await rejectRow({ line: row.line, errors: checked.errors, row: row.value })
      else if (batch.push(checked.user) === batchSize) await storeBatch()
    }
    if (batch.length > 0) await storeBatch()
    await Promise.all(storing)
    isComplete = true
    return true
  } finally {
    await Promise.allSettled(storing)
    if (!isDryRun && counts.imported > 0) await tell(store, counts, { ...options, isComplete })
  }
}

async function tell(
  { sql }: Store,
  { imported, present, rejected }: ImportCounts,
  { fileName, rules, isComplete }: ImportOptions & { isComplete: boolean },
): Promise<void> {
  const { mayHaveRoles } = rules
  await sql.begin(async (transaction) => {
    await becomeOwner(transaction)
    await insertImportEvent(transaction, { fileName, imported, present, rejected, mayHaveRoles, isComplete })
  })
}
