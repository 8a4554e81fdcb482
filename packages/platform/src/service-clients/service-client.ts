import { AppError } from '@latchkey/contracts/errors'

/**
 * What a client may do at our own endpoints: introspect tokens, revoke them, get tokens for itself. Any other scope is for the
 * services that it calls, and only travels in its tokens.
 */
export const endpointScopes = ['introspect', 'revoke', 'token'] as const
export type EndpointScope = (typeof endpointScopes)[number]

export interface NewServiceClient {
  readonly name: string
  /** Claim `aud` of its tokens, and of those that it may revoke; null for AUDIENCE. */
  readonly audience: string | null
  readonly scopes: readonly string[]
}

const nameShape = /^[!-~](?:[ -~]{0,98}[!-~])?$/
const audienceShape = /^[!-~]{1,255}$/
const scopeShape = /^[!#-[\]-~]{1,64}$/ // RFC 6749, 3.3, and a bound
const maxScopes = 32

/** @throws AppError validation_failed, in words for the operator. */
export function assertServiceClient({ name, audience, scopes }: NewServiceClient): void {
  if (!nameShape.test(name)) refuse('the name must be 1 to 100 ASCII characters without spaces at its ends')
  if (audience !== null && !audienceShape.test(audience))
    refuse('the audience must be 1 to 255 visible ASCII characters')
  if (scopes.length === 0 || scopes.length > maxScopes || new Set(scopes).size !== scopes.length)
    refuse(`the scopes must be 1 to ${maxScopes} different ones`)
  if (!scopes.every((scope) => scopeShape.test(scope)))
    refuse('a scope must be 1 to 64 visible ASCII characters without quotes and backslashes')
}

function refuse(detail: string): never {
  throw new AppError('validation_failed', detail)
}
