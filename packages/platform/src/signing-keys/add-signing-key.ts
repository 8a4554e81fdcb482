import type { Config } from '../config/config.js'
import type { Keyring } from '../crypto/keyring.js'
import { seal } from '../crypto/seal.js'
import type { Sql } from '../database/client.js'
import { insertKeyRotatedEvent, insertSigningKey, retireSigningKeysBefore } from './queries.js'
import type { NewSigningKey, SigningAlgorithm } from './signing-key.js'

export interface SigningKeyDeps {
  readonly sql: Sql
  readonly keyring: Keyring
  readonly config: Pick<Config, 'signingAlgorithm' | 'accessTokenTtlSeconds'>
}

export interface AddedSigningKey {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly activatesAt: Date
}

/**
 * A key is published this long before it signs, so that whoever caches the JWKS has it by then. Our instances read it every
 * few seconds; libraries such as jose keep a set for up to ten minutes.
 */
export const publishLeadSeconds = 600

/** Verifiers accept a token for so long after its expiry (clock differences); its key must be there. */
const leewaySeconds = 30

/** Where a private key is sealed to: it opens in the row of its own name only. */
export function sealedPlace(kid: string): string {
  return `signing-key:${kid}`
}

/** Stores a key and ends the reign of all others. To be called in a transaction that holds `lockSigningKeys`. */
export async function addSigningKey(
  { sql, keyring, config }: SigningKeyDeps,
  key: NewSigningKey,
  leadSeconds: number,
): Promise<AddedSigningKey> {
  const { kid, algorithm, publicJwk, privateKey } = key
  const sealedPrivateKey = seal(keyring.current, privateKey, sealedPlace(kid))
  const activatesAt = await insertSigningKey(
    sql,
    { kid, algorithm, publicJwk, sealedPrivateKey },
    leadSeconds,
  )
  const retired = await retireSigningKeysBefore(sql, kid, config.accessTokenTtlSeconds + leewaySeconds)
  if (retired > 0) await insertKeyRotatedEvent(sql, kid, algorithm, activatesAt)
  return { kid, algorithm, activatesAt }
}
