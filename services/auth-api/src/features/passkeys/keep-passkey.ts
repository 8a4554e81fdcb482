import { AppError } from '@latchkey/contracts/errors'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'
import { deviceNameOf } from '../sessions/user-agent.js'
import { maxPasskeys } from './begin-registration.js'
import type { NewCredential } from './check-attestation.js'
import type { Registration } from './check-registration.js'
import type { PasskeyRow } from './queries.js'
import { countPasskeys, insertPasskey } from './registration/queries.js'

/**
 * Keeps a passkey whose registration was checked, in the caller's transaction and under `lockOwner`, so that the bound holds. What it throws
 * for a known credential is to be told with `refuseRegistration`.
 * @throws AppError too_many_passkeys, session_revoked; KnownCredential.
 */
export async function keepPasskey(
  sql: Sql,
  { userId, sessionId, name, origin }: Registration,
  credential: NewCredential,
): Promise<PasskeyRow> {
  if ((await countPasskeys(sql, userId)) >= maxPasskeys) throw new AppError('too_many_passkeys')
  const row = await insertPasskey(sql, {
    ...credential,
    id: newId(),
    userId,
    sessionId,
    name: name ?? deviceNameOf(origin.userAgent) ?? 'Passkey',
    origin,
  })
  if (row === 'taken') throw new KnownCredential()
  if (row === null) throw new AppError('session_revoked')
  return row
}

/** Rolls the transaction back. Nobody outside meets it. */
export class KnownCredential extends Error {}
