import { createHash, createHmac } from 'node:crypto'
import type { Config } from '@latchkey/platform/config/config'
import { deriveKey } from '@latchkey/platform/crypto/keyring'

/** A key that is in no database. Without it the hashes of a stolen one let nobody guess. */
export interface Pepper {
  /** The `keyid` of hashes that were made with it; tells nothing about it. */
  readonly id: string
  /** What is hashed in the password's place. */
  season(password: string): string
}

export interface Peppers {
  /** New hashes are made with it; null for none. */
  readonly current: Pepper | null
  /** Null for one that is not configured. */
  named(id: string): Pepper | null
}

const idBytes = 6

export function createPeppers(config: Pick<Config, 'passwordPepper' | 'passwordPepperPrevious'>): Peppers {
  const [current, previous] = [config.passwordPepper, config.passwordPepperPrevious].map((secret) =>
    secret === null ? null : createPepper(secret),
  )
  return {
    current: current ?? null,
    named: (id) => [current, previous].find((pepper) => pepper?.id === id) ?? null,
  }
}

/** HMAC-SHA-256 before the hash, so that the process that hashes never has the key. */
function createPepper(secret: string): Pepper {
  const key = deriveKey(secret, 'password-pepper/v1')
  const id = createHash('sha256').update(deriveKey(secret, 'password-pepper-id/v1')).digest()
  return {
    id: id.subarray(0, idBytes).toString('base64'),
    season: (password) => createHmac('sha256', key).update(password).digest('base64'),
  }
}

/** The place that the PHC string of Argon2 has for it. */
export function withKeyId(phc: string, { id }: Pepper): string {
  return phc.replace(/,p=\d+(?=\$)/, (lanes) => `${lanes},keyid=${id}`)
}
