import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

const randomBytesPerId = 16

// One call for the random bytes of many ids: it costs as much as one for those of a single id.
const pool = Buffer.allocUnsafe(256 * randomBytesPerId)
let used = pool.length

/** UUIDv7 (RFC 9562): ordered by time, so that b-trees grow at one end. An identifier, never a secret. */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const random = pool.subarray(used, (used += randomBytesPerId))
  return v7({ random })
}
