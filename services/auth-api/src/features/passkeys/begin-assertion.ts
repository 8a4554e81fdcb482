import type { PasskeyRequestOptions } from '@latchkey/contracts/http/passkeys'
import type { Deps } from '../../deps.js'
import { getUnfinishedSignIn } from '../mfa/unfinished-sign-in.js'
import {
  challengeSeconds,
  newChallenge,
  sessionBinding,
  type AssertionScope,
} from './challenges/challenge.js'
import { describePasskeys } from './describe-passkeys.js'
import { listUsablePasskeys } from './queries.js'

type BeginDeps = Pick<Deps, 'config' | 'sql'>

/** For a sign-in that has no name yet: the same for everybody, so that it tells nothing of anybody. */
export const beginSignIn = (deps: BeginDeps): Promise<PasskeyRequestOptions> =>
  begin(deps, { purpose: 'sign_in', userId: null, boundTo: null })

/** For a sign-in that waits for the second factor. @throws AppError one_time_token_invalid. */
export async function beginSecondFactor(deps: BeginDeps, mfaToken: string): Promise<PasskeyRequestOptions> {
  const { userId, tokenHash } = await getUnfinishedSignIn(deps.sql, mfaToken)
  return begin(deps, { purpose: 'second_factor', userId, boundTo: tokenHash })
}

/** For a session that must authenticate once more. */
export const beginStepUp = (
  deps: BeginDeps,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<PasskeyRequestOptions> =>
  begin(deps, { purpose: 'step_up', userId, boundTo: sessionBinding(sessionId) })

async function begin({ config, sql }: BeginDeps, scope: AssertionScope): Promise<PasskeyRequestOptions> {
  const passkeys = scope.userId === null ? [] : await listUsablePasskeys(sql, scope.userId)
  return {
    challenge: await newChallenge(sql, scope),
    timeout: challengeSeconds * 1000,
    rpId: config.webauthnRpId,
    allowCredentials: describePasskeys(passkeys),
    userVerification: 'required',
  }
}
