import { OAuthError } from '@latchkey/contracts/oauth-errors'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import type { AuthenticatedClient } from '../service-clients/authenticate-client.js'
import { decodeRefreshToken } from '../sessions/refresh-token.js'
import { endSessionForClient } from '../sessions/revoke-sessions.js'
import { findIssuedToken, type VerifyDeps } from './find-issued-token.js'

export type RevokeDeps = VerifyDeps & Pick<Deps, 'config' | 'keyring' | 'revocations' | 'sql'>

export interface RevocationRequest {
  readonly token: string
  readonly client: AuthenticatedClient
  readonly origin: RequestOrigin
}

/**
 * Ends the session that a token is of (RFC 7009): refresh and access tokens fall together. A token that means nothing here, or no
 * longer, is revoked as it is. A refresh token of any generation counts, as it does for a sign-out.
 * @throws OAuthError unauthorized_client, unsupported_token_type.
 */
export async function revokeToken(
  deps: RevokeDeps,
  { token, client, origin }: RevocationRequest,
): Promise<void> {
  const found = await findSessionOf(deps, token)
  if (found === null) return
  if (found.audience !== (client.audience ?? deps.config.audience))
    throw new OAuthError('unauthorized_client', 'The token is for another audience than the client.')
  await endSessionForClient(deps, { sessionId: found.sessionId, clientId: client.id, origin })
}

async function findSessionOf(
  deps: RevokeDeps,
  token: string,
): Promise<{ sessionId: string; audience: string } | null> {
  const refreshToken = decodeRefreshToken(deps.keyring, token)
  if (refreshToken !== null) return { sessionId: refreshToken.sessionId, audience: deps.config.audience }
  const issued = await findIssuedToken(deps, token)
  if (issued === null) return null
  // Nothing is stored of it that could be taken back.
  if (issued.kind === 'client') throw new OAuthError('unsupported_token_type')
  return { sessionId: issued.payload.sid, audience: issued.payload.aud }
}
