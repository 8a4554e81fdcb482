import { AppError } from '@latchkey/contracts/errors'
import type { Logger } from '@latchkey/platform/logging/logger'
import type { SigningKeys } from '@latchkey/platform/signing-keys/signing-keys'

const retryMs = 500

/**
 * Signing keys that may come later: a process that starts while PostgreSQL is away stays up, answers 503 where it needs a key,
 * and serves as soon as it has one. Unknown is never told as invalid, which would sign people out.
 */
export async function awaitSigningKeys(
  create: () => Promise<SigningKeys>,
  log: Logger,
): Promise<SigningKeys> {
  let keys: SigningKeys | null = null
  let attempt: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null
  let isClosed = false

  async function tryOnce(): Promise<void> {
    try {
      keys = await create()
      log.info('signing keys are there')
    } catch (error) {
      if (timer === null)
        log.warn({ err: error }, 'signing keys cannot be read yet; trying again until they can')
      if (!isClosed) timer = setTimeout(() => void (attempt = tryOnce()), retryMs).unref()
    }
  }

  function required(): SigningKeys {
    if (keys === null) throw new AppError('unavailable', 'The signing keys cannot be read yet.')
    return keys
  }

  attempt = tryOnce()
  await attempt
  return {
    current: () => required().current(),
    verificationKey: (kid) => required().verificationKey(kid),
    findVerificationKey: async (kid) => required().findVerificationKey(kid),
    publicJwks: () => required().publicJwks(),
    ageSeconds: () => required().ageSeconds(),
    async close() {
      isClosed = true
      if (timer !== null) clearTimeout(timer)
      await attempt
      await keys?.close()
    },
  }
}
