import { AppError } from '@latchkey/contracts/errors'
import type { StepUpBody } from '@latchkey/contracts/http/bodies'
import type { Sql } from '@latchkey/platform/database/client'
import { StepUpRequired } from '../../step-up-required.js'
import { presentCode } from '../mfa/present-code.js'
import { amrOf, readPresentedFactor, type PresentedFactor } from '../mfa/presented-code.js'
import { sessionBinding } from '../passkeys/challenges/challenge.js'
import { presentPasskey } from '../passkeys/present-passkey.js'
import { reauthenticate, type ReauthenticatedSession } from '../sessions/reauthenticate.js'
import { stepUpByPassword, type PresentedPassword, type StepUpDeps } from './step-up-by-password.js'
import { findStepUpOptions } from './step-up-methods.js'

export type StepUp = StepUpBody & Omit<PresentedPassword, 'password'>

/**
 * Takes a credential once more and makes the session's authentication one of now: the second factor where the user has one, else the
 * password. A code or a passkey raises the session's level, too.
 * @throws AppError step_up_required for a password that is not enough, and what the two below throw.
 */
export async function stepUp(
  deps: StepUpDeps,
  { password, code, recoveryCode, passkey, ...caller }: StepUp,
): Promise<ReauthenticatedSession> {
  if (password === undefined)
    return stepUpByFactor(deps, readPresentedFactor({ code, recoveryCode, passkey }), caller)
  if (code !== undefined || recoveryCode !== undefined || passkey !== undefined) throw notTogether()
  const { aal, methods } = await findStepUpOptions(deps, caller.userId)
  if (aal > 1) throw new StepUpRequired(methods)
  return stepUpByPassword(deps, { password, ...caller })
}

/** @throws AppError mfa_code_invalid, rate_limited, too_many_attempts, session_revoked. */
function stepUpByFactor(
  deps: StepUpDeps,
  presented: PresentedFactor,
  caller: Omit<PresentedPassword, 'password'>,
): Promise<ReauthenticatedSession> {
  const { userId, sessionId, origin } = caller
  const { method } = presented
  const renew = async (sql: Sql, amr: readonly string[]): Promise<ReauthenticatedSession> => {
    const given = { sessionId, passwordHash: null, amr: [...amr], method, origin }
    const session = await reauthenticate(sql, deps, given)
    if (session === null) throw new AppError('session_revoked')
    return session
  }
  if (method === 'passkey') {
    const scope = { purpose: 'step_up', userId, boundTo: sessionBinding(sessionId) } as const
    return presentPasskey(deps, { ...presented, scope, sessionId, origin }, (sql, { amr }) => renew(sql, amr))
  }
  return presentCode(deps, { ...caller, presented, during: 'step_up' }, async (sql, use) => {
    await use()
    return renew(sql, amrOf[method])
  })
}

const notTogether = (): AppError =>
  new AppError('validation_failed', undefined, {
    errors: [{ path: '/password', message: 'cannot be given together with a code or a passkey' }],
  })
