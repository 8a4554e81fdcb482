import { AppError } from '@latchkey/contracts/errors'
import { toAppError } from '@latchkey/platform/database/errors'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { admitIdentity, type AdmitDeps } from './identities/admit-identity.js'
import { callbackUrl } from './lead-to-provider.js'
import type { ForeignIdentity } from './providers/foreign-identity.js'
import { IdentityRefused } from './providers/provider-failure.js'
import {
  insertLinkCode,
  insertSignInCode,
  insertStepUpCode,
  takeRedirect,
  type TakenStep,
} from './queries.js'
import { leadBack } from './return-to.js'
import { codeSeconds, codeVerifierOf, hashSecret, isSecret, newCode, nonceOf } from './step-secrets.js'

type CallbackDeps = AdmitDeps & Pick<Deps, 'events' | 'identityProviders' | 'log' | 'metrics'>

export interface Callback {
  providerId: string
  /** As the provider, or whoever made it up, has sent it. */
  parameters: URLSearchParams
  /** Null for a browser without the cookie. */
  browserSecret: string | null
  origin: RequestOrigin
}

/**
 * Takes the answer of a provider by way of the browser, and says where to lead it: back to the application, with a code that only its holder
 * can use, or with the error. The row is used up before anything is asked of the provider, so that an answer is looked at once.
 * @throws AppError not_found; one_time_token_invalid where nothing of the answer is ours to believe, not even where to lead back to.
 */
export async function answerCallback(deps: CallbackDeps, callback: Callback): Promise<string> {
  const { providerId, browserSecret, origin } = callback
  const provider = deps.identityProviders.get(providerId)
  const [state = '', ...more] = callback.parameters.getAll('state')
  const begun =
    browserSecret === null || more.length > 0 || !isSecret(state)
      ? null
      : await takeRedirect(deps.sql, {
          tokenHash: hashSecret(state),
          holderHash: hashSecret(browserSecret),
          provider: provider.id,
        })
  if (begun === null || browserSecret === null) {
    await tellFailure(deps, callback, { reason: 'invalid_state' })
    throw new AppError('one_time_token_invalid')
  }
  try {
    const identity = await provider.redeem(callback.parameters, {
      redirectUri: callbackUrl(deps, provider.id),
      state,
      nonce: nonceOf(browserSecret, state),
      codeVerifier: codeVerifierOf(browserSecret, state),
      isStepUp: begun.purpose.kind === 'step_up',
    })
    const holderHash = begun.appHash ?? hashSecret(browserSecret)
    const code = await issueCode(deps, { ...begun, identity, holderHash, origin })
    return leadBack(begun.returnTo, { code })
  } catch (error) {
    const failure = error instanceof AppError ? error : toAppError(error)
    if (failure === null) throw error
    if (failure.status < 500) {
      const reason = failure instanceof IdentityRefused ? failure.reason : failure.code
      const userId = begun.purpose.kind === 'sign_in' ? undefined : begun.purpose.userId
      await tellFailure(deps, callback, { reason, userId })
    } else
      deps.log.warn(
        { err: failure, provider: provider.id, requestId: origin.requestId },
        'a sign-in elsewhere failed',
      )
    return leadBack(begun.returnTo, { error: failure.code })
  }
}

interface Issue extends TakenStep {
  identity: ForeignIdentity
  holderHash: Buffer
  origin: RequestOrigin
}

async function issueCode(
  deps: CallbackDeps,
  { purpose, identity, holderHash, origin }: Issue,
): Promise<string> {
  const { code, hash: tokenHash } = newCode()
  const { provider, issuer, subject, email } = identity
  const row = { tokenHash, holderHash, provider, ttlSeconds: codeSeconds }
  if (purpose.kind === 'sign_in') {
    await admitIdentity(deps, identity, origin, (sql, { userId }) =>
      insertSignInCode(sql, { ...row, userId }),
    )
    return code
  }
  const { userId, sessionId } = purpose
  const known = { ...row, userId, sessionId, identity: { issuer, subject, email } }
  if (purpose.kind === 'link') await insertLinkCode(deps.sql, known)
  else if (!(await insertStepUpCode(deps.sql, known))) throw new IdentityRefused('not_linked')
  return code
}

async function tellFailure(
  { events, metrics }: CallbackDeps,
  { providerId, origin }: Callback,
  { reason, userId }: { reason: string; userId?: string | undefined },
): Promise<void> {
  metrics.authAttemptsTotal.inc({ type: 'oauth', status: 'failure' })
  const data = { reason, method: 'oauth', provider: providerId }
  await events.report(newSecurityEvent('login.failed', { ...origin, userId, data }))
}
