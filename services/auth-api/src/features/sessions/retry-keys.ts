import { createHash } from 'node:crypto'
import { AppError } from '@latchkey/contracts/errors'

/** Bytes of each remembered key, and how many rotations back they are remembered (newest first). */
export const retryKeyLength = 8
const rememberedRotations = 4

/** What stands in `retry_keys` for a rotation that carried no key. */
export const noRetryKey: Buffer = Buffer.alloc(retryKeyLength)

const visibleAscii = /^[\x21-\x7e]{1,128}$/

/**
 * The hash kept of an `Idempotency-Key`; null when the request carries none (an empty one counts as none).
 * @throws AppError validation_failed for a key that is too long or has other than visible ASCII characters.
 */
export function hashRetryKey(header: string | readonly string[] | undefined): Buffer | null {
  if (header === undefined || header === '') return null
  if (typeof header !== 'string' || !visibleAscii.test(header)) {
    throw new AppError(
      'validation_failed',
      'The Idempotency-Key must be 1 to 128 visible ASCII characters.',
      {
        errors: [{ path: '/headers/idempotency-key', message: 'must be 1 to 128 visible ASCII characters' }],
      },
    )
  }
  return createHash('sha256').update(header).digest().subarray(0, retryKeyLength)
}

/** The key of the rotation that many rotations before the last, when it is remembered and there was one; else null. */
export function retryKeyOf(retryKeys: Buffer, rotationsAgo: bigint): Buffer | null {
  if (rotationsAgo >= rememberedRotations) return null
  const start = Number(rotationsAgo) * retryKeyLength
  const key = retryKeys.subarray(start, start + retryKeyLength)
  return key.equals(noRetryKey) ? null : key
}
