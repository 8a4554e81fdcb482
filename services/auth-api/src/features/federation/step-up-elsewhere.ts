import { AppError } from '@latchkey/contracts/errors'
import type { FinishForSessionBody } from '@latchkey/contracts/http/federation'
import type { Deps } from '../../deps.js'
import { StepUpRequired } from '../../step-up-required.js'
import { reauthenticate, type ReauthenticatedSession } from '../sessions/reauthenticate.js'
import { findStepUpOptions } from '../step-up/step-up-methods.js'
import { federatedAmr } from './federated-amr.js'
import { readHolder, type Holder } from './holder.js'
import type { OwnSession } from './identities/link-identity.js'
import { takeStepUpCode } from './queries.js'
import { hashCode } from './step-secrets.js'

/** @throws StepUpRequired for a user who has a second factor, of which a provider gives none. */
export async function assertStepsUpElsewhere(deps: Pick<Deps, 'sql'>, userId: string): Promise<void> {
  const { aal, methods } = await findStepUpOptions(deps, userId)
  if (aal > 1) throw new StepUpRequired(methods)
}

/**
 * Makes the session's authentication one of now, for a user who has just signed in elsewhere once more.
 * @throws AppError one_time_token_invalid, session_revoked, step_up_required.
 */
export async function stepUpElsewhere(
  deps: Pick<Deps, 'config' | 'sql'>,
  body: FinishForSessionBody & Holder,
  { userId, sessionId, origin }: OwnSession,
): Promise<ReauthenticatedSession> {
  const tokenHash = hashCode(body.code)
  const holderHash = readHolder(body)
  if (tokenHash === null || holderHash === null) throw new AppError('one_time_token_invalid')
  const session = await deps.sql.begin(async (sql) => {
    if (!(await takeStepUpCode(sql, { tokenHash, holderHash, userId, sessionId }, origin)))
      throw new AppError('one_time_token_invalid')
    const given = { sessionId, passwordHash: null, amr: [...federatedAmr], method: 'oauth', origin }
    return reauthenticate(sql, deps, given)
  })
  if (session !== null) return session
  await assertStepsUpElsewhere(deps, userId)
  throw new AppError('session_revoked')
}
