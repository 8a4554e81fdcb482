import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

const randomBytesPerId = 16

// One call for the random bytes of many ids: it costs as much as one for those of a single id.
const pool = Buffer.allocUnsafe(256 * randomBytesPerId)
let used = pool.length

// Ids of one millisecond count on from a random number: RFC 9562, 6.2, method 1. Half the range is left to count.
let lastMs = 0
let sequence = 0

/** UUIDv7 (RFC 9562): in the order of making, so that b-trees grow at one end. An identifier, never a secret. */
export function newId(): string {
  const random = nextRandomBytes()
  const now = Date.now()
  if (now > lastMs) {
    lastMs = now
    sequence = random.readUInt32BE(0) >>> 1
  } else {
    sequence += 1
  }
  return v7({ random, msecs: lastMs, seq: sequence })
}

function nextRandomBytes(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  return pool.subarray(used, (used += randomBytesPerId))
}
