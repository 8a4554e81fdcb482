import { AppError } from '@latchkey/contracts/errors'
import { newId } from '../crypto/identifiers.js'
import type { Sql } from '../database/client.js'
import { isUniqueViolation } from '../database/errors.js'
import { newClientSecret } from './client-secret.js'
import { disableServiceClient, insertServiceClient, replaceClientSecret } from './queries.js'
import { assertServiceClient, type NewServiceClient } from './service-client.js'

/** What is shown once and never again. */
export interface ClientCredentials {
  readonly clientId: string
  readonly clientSecret: string
}

/** @throws AppError validation_failed: a field, or a name that is taken. */
export async function createServiceClient(sql: Sql, client: NewServiceClient): Promise<ClientCredentials> {
  assertServiceClient(client)
  const id = newId()
  const { secret, hash } = newClientSecret()
  try {
    await insertServiceClient(sql, { ...client, id, secretHash: hash })
  } catch (error) {
    if (isUniqueViolation(error, 'service_clients_name_key'))
      throw new AppError('validation_failed', `the name ${client.name} is taken`, { cause: error })
    throw error
  }
  return { clientId: id, clientSecret: secret }
}

/** A new secret; the one before is good for `keepSeconds` more. @throws AppError not_found. */
export async function rotateClientSecret(
  sql: Sql,
  { id, keepSeconds }: { id: string; keepSeconds: number },
): Promise<ClientCredentials> {
  const { secret, hash } = newClientSecret()
  const name = await replaceClientSecret(sql, { id, secretHash: hash, keepSeconds })
  if (name === null) throw noSuchClient()
  return { clientId: id, clientSecret: secret }
}

/** For good: whoever needs it again makes a new one. Answers its name. @throws AppError not_found. */
export async function endServiceClient(sql: Sql, id: string): Promise<string> {
  const name = await disableServiceClient(sql, id)
  if (name === null) throw noSuchClient()
  return name
}

function noSuchClient(): AppError {
  return new AppError('not_found', 'there is no service client with this id, or it is disabled')
}
