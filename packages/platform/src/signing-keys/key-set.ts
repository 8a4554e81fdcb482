import { performance } from 'node:perf_hooks'
import type { Keyring } from '../crypto/keyring.js'
import { isSealedWith, open } from '../crypto/seal.js'
import { sealedPlace } from './add-signing-key.js'
import type { SigningKeyRow } from './queries.js'
import { readPrivateKeyPem, readPublicKey, type PublicJwk } from './signing-key.js'

export interface PublishedKey {
  readonly publicJwk: PublicJwk
  readonly publicKeyPem: string
  /** Null when it was sealed under a secret that is no longer known: such a key verifies and cannot sign. */
  readonly privateKeyPem: string | null
  readonly activatesAtMs: number
}

export type OpenKey = PublishedKey & { readonly privateKeyPem: string }

/** The published keys at one moment, the one that activates last first. */
export interface KeySet {
  readonly keys: readonly PublishedKey[]
  readonly byKid: ReadonlyMap<string, PublishedKey>
  /** Milliseconds of PostgreSQL's clock: whether a key is active is decided by one clock for all instances. */
  now(): number
}

/** Opens what is new in `rows`, and takes from `previous` what it has opened before. */
export function buildKeySet(
  rows: readonly SigningKeyRow[],
  keyring: Keyring,
  previous: KeySet | null,
): KeySet {
  const keys = rows.flatMap((row) => {
    const known = previous?.byKid.get(row.kid) ?? readKey(row, keyring)
    return known === null ? [] : [{ ...known, activatesAtMs: row.activatesAt.getTime() }]
  })
  const databaseNow = rows[0]?.databaseNow.getTime() ?? 0
  const readAt = performance.now()
  return {
    keys,
    byKid: new Map(keys.map((key) => [key.publicJwk.kid, key])),
    now: () => databaseNow + performance.now() - readAt,
  }
}

/**
 * The key that signs: of those that are active and open, the one that was activated last. A process that does not know the
 * secret of the newest one yet, while a change of AUTH_SECRET is rolled out, stays with the one before.
 */
export function findSigningKey(set: KeySet): OpenKey | null {
  const now = set.now()
  return (
    set.keys.find((key): key is OpenKey => key.privateKeyPem !== null && key.activatesAtMs <= now) ?? null
  )
}

/** A row whose name or algorithm does not fit its key is left out: nothing of ours writes one. */
function readKey(row: SigningKeyRow, keyring: Keyring): PublishedKey | null {
  const publicKey = readPublicKey(row.publicJwk, row.kid, row.algorithm)
  if (publicKey === null) return null
  return {
    publicJwk: publicKey.jwk,
    publicKeyPem: publicKey.pem,
    privateKeyPem: openPrivateKey(row, keyring),
    activatesAtMs: row.activatesAt.getTime(),
  }
}

function openPrivateKey({ kid, sealedPrivateKey }: SigningKeyRow, keyring: Keyring): string | null {
  try {
    return readPrivateKeyPem(open(keyring, sealedPrivateKey, sealedPlace(kid)), kid)
  } catch {
    return null
  }
}

/** Whether the newest key was sealed under AUTH_SECRET as it is now: if not, it is lost when AUTH_SECRET_PREVIOUS goes. */
export function isNewestSealedWithCurrent(rows: readonly SigningKeyRow[], keyring: Keyring): boolean {
  const [newest] = rows
  return (
    newest !== undefined && isSealedWith(keyring.current, newest.sealedPrivateKey, sealedPlace(newest.kid))
  )
}
