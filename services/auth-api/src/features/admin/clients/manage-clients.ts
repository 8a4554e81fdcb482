import { AppError } from '@latchkey/contracts/errors'
import type { NewClientBody, ServiceClient } from '@latchkey/contracts/http/admin'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { isUniqueViolation } from '@latchkey/platform/database/errors'
import { newClientSecret } from '@latchkey/platform/service-clients/client-secret'
import type { ClientCredentials } from '@latchkey/platform/service-clients/manage-service-clients'
import { listServiceClients } from '@latchkey/platform/service-clients/queries'
import { assertServiceClient, endpointScopes } from '@latchkey/platform/service-clients/service-client'
import type { Deps } from '../../../deps.js'
import { actAsAdmin, type ActingAdmin } from '../acting-admin.js'
import { disableClient, insertClient, replaceSecret } from './queries.js'

type ClientDeps = Pick<Deps, 'sql'>

const keptUnlessToldSeconds = 86_400

export async function listClients({ sql }: ClientDeps): Promise<ServiceClient[]> {
  const clients = await listServiceClients(sql)
  return clients.map(({ id, name, audience, scopes, ...times }) => ({
    clientId: id,
    name,
    audience,
    scopes,
    createdAt: times.createdAt.toISOString(),
    disabledAt: times.disabledAt?.toISOString() ?? null,
    lastUsedAt: times.lastUsedAt?.toISOString() ?? null,
    previousSecretExpiresAt: times.previousSecretExpiresAt?.toISOString() ?? null,
  }))
}

/** @throws AppError validation_failed: a field, or a name that is taken. */
export async function createClient(
  deps: ClientDeps,
  admin: ActingAdmin,
  body: NewClientBody,
): Promise<ClientCredentials> {
  const client = {
    name: body.name,
    audience: body.audience ?? null,
    scopes: body.scopes ?? endpointScopes,
  }
  assertServiceClient(client)
  const id = newId()
  const { secret, hash } = newClientSecret()
  try {
    await actAsAdmin(deps, admin, async (sql) => {
      await insertClient(sql, admin, { ...client, id, secretHash: hash })
      return { act: actOn('client.created', id), result: null }
    })
  } catch (error) {
    if (!isUniqueViolation(error, 'service_clients_name_key')) throw error
    throw new AppError('validation_failed', undefined, {
      cause: error,
      errors: [{ path: '/name', message: 'is taken' }],
    })
  }
  return { clientId: id, clientSecret: secret }
}

/** A new secret; the one before is good for a while yet. @throws AppError not_found. */
export async function rotateSecret(
  deps: ClientDeps,
  admin: ActingAdmin,
  { id, keepSeconds = keptUnlessToldSeconds }: { id: string; keepSeconds: number | undefined },
): Promise<ClientCredentials> {
  const { secret, hash } = newClientSecret()
  await actAsAdmin(deps, admin, async (sql) => {
    const name = await replaceSecret(sql, admin, { id, secretHash: hash, keepSeconds })
    if (name === null) throw new AppError('not_found')
    return { act: actOn('client.secret_rotated', id), result: null }
  })
  return { clientId: id, clientSecret: secret }
}

/** For good: whoever needs it again makes a new one. @throws AppError not_found. */
export async function endClient(deps: ClientDeps, admin: ActingAdmin, id: string): Promise<void> {
  await actAsAdmin(deps, admin, async (sql) => {
    if ((await disableClient(sql, admin, id)) === null) throw new AppError('not_found')
    return { act: actOn('client.disabled', id), result: null }
  })
}

const actOn = (action: string, clientId: string) => ({ action, userId: null, data: { clientId } })
