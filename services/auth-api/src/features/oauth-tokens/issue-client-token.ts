import { OAuthError } from '@latchkey/contracts/oauth-errors'
import type { ClientTokenClaims } from '../../access-token-claims.js'
import type { Deps } from '../../deps.js'
import type { AuthenticatedClient } from '../service-clients/authenticate-client.js'
import type { TokenAnswer } from './answers.js'

export interface IssueDeps extends Pick<Deps, 'config'> {
  readonly signClientToken: (claims: ClientTokenClaims) => string
}

export interface TokenRequest {
  readonly grant_type?: string | undefined
  readonly scope?: string | undefined
}

/**
 * The client-credentials grant (RFC 6749, 4.4). No refresh token: a client asks again.
 * @throws OAuthError invalid_request, unsupported_grant_type, invalid_scope.
 */
export function issueClientToken(
  { config, signClientToken }: IssueDeps,
  client: AuthenticatedClient,
  { grant_type: grantType, scope }: TokenRequest,
): TokenAnswer {
  if (grantType === undefined) throw new OAuthError('invalid_request', 'The parameter grant_type is missing.')
  if (grantType !== 'client_credentials') throw new OAuthError('unsupported_grant_type')
  const scopes = grantScopes(client.scopes, scope)
  const expiresIn = config.accessTokenTtlSeconds
  const accessToken = signClientToken({
    clientId: client.id,
    audience: client.audience ?? config.audience,
    scopes,
    expiresIn,
  })
  return { access_token: accessToken, token_type: 'Bearer', expires_in: expiresIn, scope: scopes.join(' ') }
}

/** All that the client has, unless it asks for less (RFC 6749, 3.3). */
function grantScopes(held: readonly string[], asked: string | undefined): readonly string[] {
  if (asked === undefined) return held
  const scopes = [...new Set(asked.split(' '))]
  if (!scopes.every((scope) => held.includes(scope))) throw new OAuthError('invalid_scope')
  return scopes
}
