import { AppError } from '@latchkey/contracts/errors'
import { OutboundProblem } from '@latchkey/platform/outbound/outbound-problem'
import { AuthorizationResponseError, ClientError, ResponseBodyError } from 'openid-client'

/** Why somebody was not signed in elsewhere: for the event, never for the answer. */
export class IdentityRefused extends AppError {
  constructor(readonly reason: string) {
    super('identity_refused')
  }
}

/** The provider, or our registration with it, is not as it should be. */
export class ProviderUnavailable extends AppError {
  /** `reason` is for the log, and says nothing in the provider's own words. */
  constructor(
    readonly reason: string,
    cause?: unknown,
  ) {
    super('provider_unavailable', undefined, { cause, retryAfterSeconds: 10 })
  }
}

/** RFC 6749, 4.1.2.1: what is the provider's own fault. */
const faultsOfProvider = new Set(['server_error', 'temporarily_unavailable'])
/** RFC 6749, 5.2: the code is not good. All else is about us: a wrong secret, a redirect URI that is not registered. */
const faultsOfCode = new Set(['invalid_grant'])
/** Answers that are none of the protocol: a page of a proxy, a redirect, an error without words. */
const faultsOfAnswer = new Set([
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
])

/** What an error on the way to a provider, or in its answer, means for whoever signs in. */
export function failureOf(error: unknown): AppError {
  if (error instanceof AppError) return error
  const unavailable = (reason: string) => new ProviderUnavailable(reason, error)
  if (error instanceof AuthorizationResponseError)
    return faultsOfProvider.has(error.error)
      ? unavailable(knownWord(error.error))
      : new IdentityRefused(knownWord(error.error))
  if (error instanceof ResponseBodyError)
    return faultsOfCode.has(error.error)
      ? new IdentityRefused(error.error)
      : unavailable(`token endpoint: ${knownWord(error.error)}`)
  const outbound = findOutboundProblem(error)
  if (outbound !== null) return unavailable(outbound.message)
  const code = error instanceof ClientError ? error.code : undefined
  // Without a code it is no rule of the protocol that was broken: the answer could not even be read.
  if (code === undefined || faultsOfAnswer.has(code)) return unavailable(code ?? 'unexpected answer')
  return new IdentityRefused(code)
}

/** The provider chooses the word, or whoever made up its answer: only words of the protocols get into events and the log. */
function knownWord(error: string): string {
  return /^[a-z_]{1,40}$/.test(error) ? error : 'unknown'
}

function findOutboundProblem(error: unknown): OutboundProblem | null {
  let at = error
  for (let depth = 0; depth < 5 && at instanceof Error; depth += 1) {
    if (at instanceof OutboundProblem) return at
    at = at.cause
  }
  return null
}
