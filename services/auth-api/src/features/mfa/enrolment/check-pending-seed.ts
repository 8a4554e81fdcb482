import { AppError } from '@latchkey/contracts/errors'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../../deps.js'
import type { RequestOrigin } from '../../../request-origin.js'
import { findStep } from '../totp.js'
import { openSeed } from '../totp-seed.js'
import { findPendingSeed } from './queries.js'

export type CheckDeps = Pick<Deps, 'events' | 'keyring' | 'limits' | 'sql'>

export interface FirstCode {
  userId: string
  /** Null at sign-in, which has none yet. */
  sessionId: string | null
  code: string
  /** What the tries are counted for. */
  counted: string
  origin: RequestOrigin
}

/** A seed that is set up, and the time step of the code that was right. */
export interface ProvenSeed {
  pendingSeed: Buffer
  step: number
}

/** @throws AppError mfa_code_invalid, one_time_token_invalid (nothing is set up), rate_limited. */
export async function checkPendingSeed(
  deps: CheckDeps,
  { userId, sessionId, code, counted, origin }: FirstCode,
): Promise<ProvenSeed> {
  await deps.limits.consume('mfaChallenge', counted, origin)
  const pendingSeed = await findPendingSeed(deps.sql, userId)
  if (pendingSeed === null) throw nothingSetUp()
  const seed = openSeed(deps.keyring, userId, pendingSeed)
  const step = findStep(seed, code, { nowMs: Date.now(), lastUsedStep: 0 })
  if (step !== null) return { pendingSeed, step }
  const data = { reason: 'wrong_code', method: 'totp', during: 'mfa_setup' }
  await deps.events.report(newSecurityEvent('mfa.failed', { ...origin, userId, sessionId, data }))
  throw new AppError('mfa_code_invalid')
}

/** Of a seed that was set up, or took too long, or was used by another request. */
export const nothingSetUp = (): AppError =>
  new AppError('one_time_token_invalid', 'Nothing is set up, or it took too long: begin with the setup.')
