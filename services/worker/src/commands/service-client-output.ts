import type { ClientCredentials } from '@latchkey/platform/service-clients/manage-service-clients'
import type { ServiceClientRow } from '@latchkey/platform/service-clients/queries'

/** JSON for programs, which is what reads a pipe; words for people at a terminal. */
export function renderCredentials(
  { clientId, clientSecret }: ClientCredentials,
  { isJson }: { isJson: boolean },
): string {
  if (isJson || !process.stdout.isTTY) return JSON.stringify({ clientId, clientSecret })
  return `client id      ${clientId}\nclient secret  ${clientSecret}\nThe secret is not shown again: only its hash is kept.`
}

export function renderClients(clients: readonly ServiceClientRow[], { isJson }: { isJson: boolean }): string {
  if (isJson || !process.stdout.isTTY) {
    return JSON.stringify(clients.map(({ id, ...others }) => ({ clientId: id, ...others })))
  }
  if (clients.length === 0) return 'There are no service clients.'
  return clients
    .map(({ id, name, audience, scopes, disabledAt, lastUsedAt, previousSecretExpiresAt }) =>
      [
        `${id}  ${name}`,
        `scopes ${scopes.join(' ')}`,
        audience !== null && `audience ${audience}`,
        `last used ${lastUsedAt?.toISOString() ?? 'never'}`,
        previousSecretExpiresAt !== null && `previous secret until ${previousSecretExpiresAt.toISOString()}`,
        disabledAt !== null && `disabled ${disabledAt.toISOString()}`,
      ]
        .filter((part) => part !== false)
        .join(', '),
    )
    .join('\n')
}
