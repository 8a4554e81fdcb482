import type { Deps } from '../../deps.js'
import type { ServiceClients } from '../service-clients/service-clients.js'
import { findRefreshableSession, type RefreshableSession } from '../sessions/find-refreshable-session.js'
import type { Introspection } from './answers.js'
import { findIssuedToken, type VerifyDeps } from './find-issued-token.js'

export interface IntrospectDeps extends VerifyDeps, Pick<Deps, 'config' | 'keyring' | 'revocations' | 'sql'> {
  readonly clients: Pick<ServiceClients, 'find'>
}

const inactive: Introspection = { active: false }

/**
 * What a token is good for now (RFC 7662). No hint is needed: a token's own shape says which kind it is. Whatever is not good,
 * for whichever reason, is inactive and nothing else. A store that does not answer makes a token neither: it throws.
 */
export async function introspectToken(deps: IntrospectDeps, token: string): Promise<Introspection> {
  const session = await findRefreshableSession(deps, token)
  if (session !== null) return describeRefreshToken(deps, session)

  const issued = await findIssuedToken(deps, token)
  // The leeway of our own routes is for clocks that differ; whoever asks here reads `exp` by a clock of its own.
  if (issued === null || issued.payload.exp <= Date.now() / 1000) return inactive
  const isGood =
    issued.kind === 'session'
      ? (await deps.revocations.check(issued.payload.sid, issued.payload.gen)) === 'live'
      : await isClientEnabled(deps, issued.payload.client_id)
  return isGood ? { active: true, token_type: 'Bearer', ...issued.payload } : inactive
}

async function isClientEnabled({ clients }: IntrospectDeps, clientId: string): Promise<boolean> {
  const client = await clients.find(clientId)
  return client !== null && !client.isDisabled
}

function describeRefreshToken({ config }: IntrospectDeps, session: RefreshableSession): Introspection {
  const now = Math.floor(Date.now() / 1000)
  return {
    active: true,
    token_type: 'refresh_token',
    iss: config.issuer,
    aud: config.audience,
    sub: session.id,
    sid: session.sessionId,
    gen: Number(session.generation),
    roles: session.roles,
    aal: session.aal,
    amr: session.amr,
    auth_time: Math.floor(session.authenticatedAt.getTime() / 1000),
    iat: now - Math.floor(session.rotatedAgeSeconds),
    exp: now + session.refreshExpiresIn,
  }
}
