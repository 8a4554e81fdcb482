import { AppError } from '@latchkey/contracts/errors'
import { afterAll, decodeCursor, encodeCursor, type ListPosition } from '../../list-cursor.js'

/**
 * Rows that a page looks at, at most, however few of them fit the filter: so no list costs more than some tens of milliseconds, at
 * any size. Where that ends a page early it is shorter than asked for, or empty, and its cursor says where to go on.
 */
export const walkedRows = 20_000

const pageSize = 50
const firstId = '00000000-0000-0000-0000-000000000000'

export interface Page<Row> {
  readonly rows: Row[]
  readonly nextCursor: string | null
}

export interface PageSource<Row> {
  /** The first rows after the start of the walk that fit, in its order. */
  readonly find: (limit: number) => Promise<Row[]>
  /** The last row that the walk looked at, or null when it came to the end of the list. */
  readonly findEnd: () => Promise<ListPosition | null>
}

export async function readPage<Row extends ListPosition>(
  limit: string | undefined,
  { find, findEnd }: PageSource<Row>,
): Promise<Page<Row>> {
  const size = limit === undefined ? pageSize : Number(limit)
  const rows = await find(size + 1)
  const last = rows[size - 1]
  if (rows.length > size && last !== undefined)
    return { rows: rows.slice(0, size), nextCursor: encodeCursor(last) }
  const end = await findEnd()
  return { rows, nextCursor: end === null ? null : encodeCursor(end) }
}

/** Where a walk starts: after the page before, and before the end of the time that was asked for. @throws AppError validation_failed. */
export function startOf(cursor: string | undefined, end: bigint | null): ListPosition {
  const after = cursor === undefined ? afterAll : decodeCursor(cursor)
  return end !== null && end <= after.microseconds ? { microseconds: end, id: firstId } : after
}

/** Microseconds since the epoch. @throws AppError validation_failed for a time that PostgreSQL or a Date does not have. */
export function readTime(text: string | undefined, path: string): bigint | null {
  if (text === undefined) return null
  const milliseconds = Date.parse(text)
  if (milliseconds >= 0) return BigInt(milliseconds) * 1000n
  throw new AppError('validation_failed', undefined, {
    errors: [{ path, message: 'is not a time since 1970' }],
  })
}
