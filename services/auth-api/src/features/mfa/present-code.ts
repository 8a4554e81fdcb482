import { AppError } from '@latchkey/contracts/errors'
import type { Sql } from '@latchkey/platform/database/client'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { DevicePass } from '../../device-pass.js'
import type { RequestOrigin } from '../../request-origin.js'
import { clearGuesses, type Guess, guessAtUser, type GuessDeps } from '../guessing/guess.js'
import type { PresentedCode } from './presented-code.js'
import { findTotpFactor, lockOwner, useRecoveryCode, useStep } from './queries.js'
import { hashRecoveryCode } from './recovery-code.js'
import { findStep } from './totp.js'
import { openSeed, resealSeed } from './totp-seed.js'

type PresentDeps = GuessDeps & Pick<Deps, 'events' | 'keyring' | 'sql'>

export interface CodeAttempt {
  userId: string
  /** Null at sign-in, which has none yet. */
  sessionId: string | null
  presented: PresentedCode
  /** What for, in events. */
  during: 'sign_in' | 'step_up' | 'mfa_disable' | 'recovery_codes_replace' | 'account_deletion'
  pass: DevicePass | null
  origin: RequestOrigin
}

/** Uses the code up, in a transaction. False when another request has, or the factor is gone. */
type UseCode = (sql: Sql) => Promise<boolean>

/** From so many recovery codes on their owner is told to make new ones. */
const fewRecoveryCodes = 3

/**
 * The one way to act on a second factor alone. A wrong code is counted as a guess at the account, together with its passwords, and a
 * password that was right does not clear it: else whoever knows the password could try all codes.
 * @throws AppError mfa_code_invalid, rate_limited, too_many_attempts; what `act` throws.
 */
export function presentCode<Result>(
  deps: PresentDeps,
  attempt: CodeAttempt,
  act: Act<Result>,
): Promise<Result> {
  return guessAtUser(deps, attempt, (guess) => tryCode(deps, attempt, guess, act))
}

/**
 * Runs in a transaction when the code is right, and calls `use` before it locks anything of the user's. What it throws undoes the use of the
 * code, too.
 */
type Act<Result> = (sql: Sql, use: () => Promise<void>) => Promise<Result>

/**
 * The same for a guess that was counted already. Of requests with one code at once, one gets past `use`.
 * @throws AppError mfa_code_invalid, alike for a wrong, a used and an old code; what `act` throws.
 */
export async function tryCode<Result>(
  deps: PresentDeps,
  attempt: CodeAttempt,
  guess: Guess,
  act: Act<Result>,
): Promise<Result> {
  const useCode = await matchCode(deps, attempt)
  if (useCode === null) throw await refuse(deps, attempt, 'wrong_code')
  try {
    return await deps.sql.begin(async (sql) => {
      const result = await act(sql, async () => {
        await lockOwner(sql, attempt.userId)
        if (!(await useCode(sql))) throw new CodeIsGone()
      })
      await clearGuesses(sql, guess)
      return result
    })
  } catch (error) {
    throw error instanceof CodeIsGone ? await refuse(deps, attempt, 'used_code') : error
  }
}

/** Rolls the transaction back. Nobody outside meets it. */
class CodeIsGone extends Error {}

async function matchCode(deps: PresentDeps, attempt: CodeAttempt): Promise<UseCode | null> {
  const { userId, presented } = attempt
  if (presented.method === 'totp') return matchTotp(deps, userId, presented.code)
  const codeHash = hashRecoveryCode(presented.code)
  if (codeHash === null) return null
  return (sql) => useRecoveryCode(sql, { ...attempt, codeHash, few: fewRecoveryCodes })
}

async function matchTotp(
  { sql, keyring }: PresentDeps,
  userId: string,
  code: string,
): Promise<UseCode | null> {
  const factor = await findTotpFactor(sql, userId)
  if (factor === null) return null
  const { sealedSeed } = factor
  const seed = openSeed(keyring, userId, sealedSeed)
  const step = findStep(seed, code, { nowMs: Date.now(), lastUsedStep: Number(factor.lastUsedStep) })
  if (step === null) return null
  const resealed = resealSeed(keyring, userId, sealedSeed)
  return (transaction) => useStep(transaction, { userId, step, sealedSeed, resealed })
}

async function refuse(
  deps: PresentDeps,
  { userId, sessionId, presented, during, origin }: CodeAttempt,
  reason: 'wrong_code' | 'used_code',
): Promise<AppError> {
  const data = { reason, method: presented.method, during }
  await deps.events.report(newSecurityEvent('mfa.failed', { ...origin, userId, sessionId, data }))
  return new AppError('mfa_code_invalid')
}
