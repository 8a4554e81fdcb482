import { addSigningKey, type AddedSigningKey, type SigningKeyDeps } from './add-signing-key.js'
import {
  findSigningKeyInUse,
  insertKeyRevokedEvent,
  lockSigningKeys,
  revokePublishedSigningKey,
  revokeWaitingSigningKeys,
} from './queries.js'
import { generateSigningKey } from './signing-key.js'

export interface RevokedSigningKey {
  readonly kid: string
  /** The key that signs from now on, where the revoked one did. */
  readonly successor: AddedSigningKey | null
}

/**
 * Withdraws a key that may be in wrong hands: every token that it signed is refused by all instances within seconds, and whoever
 * held one refreshes it. `current` names the key that signs now. Where that one goes, a new one signs at once: resource servers
 * that keep the JWKS look for it when they meet its `kid`. A key that was announced and has not signed yet is given up with it,
 * since it was made in the same reign.
 * @throws Error when no such key is published.
 */
export async function revokeSigningKey(deps: SigningKeyDeps, kid: string): Promise<RevokedSigningKey> {
  const key = await generateSigningKey(deps.config.signingAlgorithm)
  return deps.sql.begin(async (sql) => {
    await lockSigningKeys(sql)
    const inUse = await findSigningKeyInUse(sql)
    const revoked = kid === 'current' ? inUse : kid
    if (revoked === null || !(await revokePublishedSigningKey(sql, revoked)))
      throw new Error(`there is no published signing key ${kid}`)

    let successor: AddedSigningKey | null = null
    if (revoked === inUse) {
      await revokeWaitingSigningKeys(sql)
      successor = await addSigningKey({ ...deps, sql }, key, 0)
    }
    await insertKeyRevokedEvent(sql, revoked, successor?.kid ?? null)
    return { kid: revoked, successor }
  })
}
