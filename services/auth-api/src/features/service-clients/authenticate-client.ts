import { timingSafeEqual } from 'node:crypto'
import { OAuthError } from '@latchkey/contracts/oauth-errors'
import type { SecurityEvent } from '@latchkey/platform/security-events/security-event'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import { hashClientSecret } from '@latchkey/platform/service-clients/client-secret'
import type { EndpointScope } from '@latchkey/platform/service-clients/service-client'
import type { Deps } from '../../deps.js'
import type { RequestOrigin } from '../../request-origin.js'
import { readClientCredentials, type PresentedCredentials } from './client-credentials.js'
import type { FailedAttempts } from './failed-attempts.js'
import type { ServiceClientRow } from './queries.js'
import type { ServiceClients } from './service-clients.js'

export interface AuthenticatedClient {
  readonly id: string
  /** Null for AUDIENCE. */
  readonly audience: string | null
  readonly scopes: readonly string[]
}

export interface ClientAuthenticationDeps extends Pick<Deps, 'events' | 'log'> {
  readonly clients: ServiceClients
  readonly failures: FailedAttempts
}

/** Why nobody was let in: for the event, never for the answer. */
type Failure = 'no_credentials' | 'unknown_client' | 'wrong_secret' | 'client_disabled'

const idShape = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * The client that a request comes from. Whoever presents a secret that this process has seen to be right is never limited; for
 * anybody else an address that has failed too often is refused before a store is asked.
 * @throws OAuthError invalid_request, invalid_client, unauthorized_client; AppError rate_limited.
 */
export async function authenticateClient(
  deps: ClientAuthenticationDeps,
  presented: PresentedCredentials,
  needs: EndpointScope,
  origin: RequestOrigin,
): Promise<AuthenticatedClient> {
  const credentials = readClientCredentials(presented)
  // Whatever else stands in its place may be a secret, and must reach neither a statement nor an event.
  const clientId = credentials !== null && idShape.test(credentials.clientId) ? credentials.clientId : null
  const secretHash = hashClientSecret(credentials?.clientSecret ?? '')
  const remembered = clientId === null ? null : deps.clients.findRemembered(clientId)
  if (remembered === null || !isItsSecret(remembered, secretHash)) deps.failures.assertMayTry(origin)

  const client = clientId === null ? null : await deps.clients.find(clientId)
  const failure = findFailure(credentials !== null, client, secretHash)
  if (client === null || failure !== null) {
    await deps.failures.count(origin)
    tell(deps, { ...origin, data: { clientId, reason: failure } })
    throw new OAuthError('invalid_client')
  }
  deps.clients.noteUse(client.id)
  if (!client.scopes.includes(needs))
    throw new OAuthError('unauthorized_client', `The client does not have the scope ${needs}.`)
  return client
}

function findFailure(
  hasCredentials: boolean,
  client: ServiceClientRow | null,
  secretHash: Buffer | null,
): Failure | null {
  if (!hasCredentials) return 'no_credentials'
  if (client === null) return 'unknown_client'
  if (!isItsSecret(client, secretHash)) return 'wrong_secret'
  return client.isDisabled ? 'client_disabled' : null
}

/** In constant time, though a hash that was looked up with a guess would tell little. */
function isItsSecret(client: ServiceClientRow, hash: Buffer | null): boolean {
  if (hash === null) return false
  const isCurrent = timingSafeEqual(client.secretHash, hash)
  const isPrevious = client.previousSecretHash !== null && timingSafeEqual(client.previousSecretHash, hash)
  return isCurrent || isPrevious
}

/** At most as many as the limit allows an address. The answer does not wait: it is the same without the event. */
function tell(
  { events, log }: ClientAuthenticationDeps,
  fields: RequestOrigin & { data: SecurityEvent['data'] },
): void {
  events.report(newSecurityEvent('client.authentication_failed', fields)).catch((error: unknown) => {
    log.warn({ err: error }, 'a failed sign-in of a service client could not be reported')
  })
}
