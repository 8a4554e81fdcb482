import { AppError } from '@latchkey/contracts/errors'
import type { StepUpBody } from '@latchkey/contracts/http/bodies'
import { StepUpRequired } from '../../step-up-required.js'
import { presentCode } from '../mfa/present-code.js'
import { amrOf, readPresentedCode, type PresentedCode } from '../mfa/presented-code.js'
import { reauthenticate, type ReauthenticatedSession } from '../sessions/reauthenticate.js'
import { stepUpByPassword, type PresentedPassword, type StepUpDeps } from './step-up-by-password.js'
import { findStepUpOptions } from './step-up-methods.js'

export type StepUp = StepUpBody & Omit<PresentedPassword, 'password'>

/**
 * Takes a credential once more and makes the session's authentication one of now: the second factor where the user has one, else the
 * password. A code raises the session's level, too.
 * @throws AppError step_up_required for a password that is not enough, and what the two below throw.
 */
export async function stepUp(
  deps: StepUpDeps,
  { password, code, recoveryCode, ...caller }: StepUp,
): Promise<ReauthenticatedSession> {
  if (password === undefined) return stepUpByCode(deps, readPresentedCode({ code, recoveryCode }), caller)
  if (code !== undefined || recoveryCode !== undefined) throw notTogether()
  const { aal, methods } = await findStepUpOptions(deps, caller.userId)
  if (aal > 1) throw new StepUpRequired(methods)
  return stepUpByPassword(deps, { password, ...caller })
}

/** @throws AppError mfa_code_invalid, rate_limited, too_many_attempts, session_revoked. */
function stepUpByCode(
  deps: StepUpDeps,
  presented: PresentedCode,
  caller: Omit<PresentedPassword, 'password'>,
): Promise<ReauthenticatedSession> {
  return presentCode(deps, { ...caller, presented, during: 'step_up' }, async (sql, use) => {
    await use()
    const { sessionId, origin } = caller
    const { method } = presented
    const given = { sessionId, passwordHash: null, amr: [...amrOf[method]], method, origin }
    const session = await reauthenticate(sql, deps, given)
    if (session === null) throw new AppError('session_revoked')
    return session
  })
}

const notTogether = (): AppError =>
  new AppError('validation_failed', undefined, {
    errors: [{ path: '/password', message: 'cannot be given together with a code' }],
  })
