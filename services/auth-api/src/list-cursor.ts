import { AppError } from '@latchkey/contracts/errors'

/** Where a page of a list ends, newest first: the time and id of its last row. */
export interface ListPosition {
  /** Since the epoch, as PostgreSQL keeps them. */
  microseconds: bigint
  id: string
}

// base64url( microseconds (8, big endian) | id (16) ): 24 bytes make 32 characters with no spare bits, so each has one spelling.
const shape = /^[A-Za-z0-9_-]{32}$/
/** Up to the year 9999, far within what PostgreSQL computes exactly. */
const maxMicroseconds = 253_402_300_799_999_999n

/** Before which every row is. */
export const afterAll: ListPosition = {
  microseconds: maxMicroseconds,
  id: 'ffffffff-ffff-ffff-ffff-ffffffffffff',
}

export function encodeCursor({ microseconds, id }: ListPosition): string {
  const bytes = Buffer.allocUnsafe(24)
  bytes.writeBigInt64BE(microseconds, 0)
  bytes.write(id.replaceAll('-', ''), 8, 'hex')
  return bytes.toString('base64url')
}

/** A cursor says where to go on, and nothing of what may be seen there: it need not be secret or signed. @throws AppError validation_failed. */
export function decodeCursor(cursor: string): ListPosition {
  const bytes = Buffer.from(shape.test(cursor) ? cursor : '', 'base64url')
  const microseconds = bytes.length === 24 ? bytes.readBigInt64BE(0) : -1n
  if (microseconds < 0n || microseconds > maxMicroseconds) {
    throw new AppError('validation_failed', undefined, {
      errors: [{ path: '/cursor', message: 'is not a cursor of this list' }],
    })
  }
  const hex = bytes.toString('hex', 8)
  const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
    '-',
  )
  return { microseconds, id }
}
