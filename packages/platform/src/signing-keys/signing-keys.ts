import { AppError } from '@latchkey/contracts/errors'
import type { Logger } from '../logging/logger.js'
import type { SigningKeyDeps } from './add-signing-key.js'
import { ensureSigningKey } from './ensure-signing-key.js'
import { buildKeySet, findSigningKey, type KeySet, type OpenKey, type PublishedKey } from './key-set.js'
import { findPublishedSigningKeys } from './queries.js'
import type { PublicJwk, SigningAlgorithm } from './signing-key.js'

export interface CurrentSigningKey {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  /** PKCS#8. */
  readonly privateKeyPem: string
}

export interface VerificationKey {
  readonly algorithm: SigningAlgorithm
  /** SPKI. */
  readonly publicKeyPem: string
}

export interface SigningKeys {
  /** The key that signs now. Throws `unavailable` while there is none that this process can open. */
  current(): CurrentSigningKey
  /** From memory; null for a key that is unknown, retired or revoked. */
  verificationKey(kid: string): VerificationKey | null
  /**
   * The same, after a look into PostgreSQL when the key is unknown, at most one a second for all callers: a key of another
   * instance may be younger than our last reload. Throws when that look fails, because unknown is not invalid.
   */
  findVerificationKey(kid: string): Promise<VerificationKey | null>
  /** What /.well-known/jwks.json answers: also the key that has yet to activate. */
  publicJwks(): { keys: readonly PublicJwk[] }
  /** Since the activation of the key that signs now. */
  ageSeconds(): number
  /** Ends the reloading, and waits for one under way. */
  close(): Promise<void>
}

const kidShape = /^[A-Za-z0-9_-]{43}$/
const unknownKidReloadMs = 1000

// A revoked key is to be refused everywhere within 5 s, the look into PostgreSQL included.
const defaultReloadEveryMs = 3000

/**
 * Keeps the signing keys of the table in memory and makes the first one. Needs the api's role.
 * While PostgreSQL is away the keys that were read last stay in use.
 */
export async function createSigningKeys(
  deps: SigningKeyDeps & { readonly log: Logger; readonly reloadEveryMs?: number },
): Promise<SigningKeys> {
  const { sql, keyring, log, reloadEveryMs = defaultReloadEveryMs } = deps
  await ensureSigningKey(deps)
  let set: KeySet = buildKeySet(await findPublishedSigningKeys(sql), keyring, null)
  let reloading: Promise<void> | null = null
  let reloadedAtMs = performance.now()
  let failure: Error | null = null

  function reload(): Promise<void> {
    reloading ??= readKeys().finally(() => (reloading = null))
    return reloading
  }

  async function readKeySet(): Promise<KeySet> {
    return buildKeySet(await findPublishedSigningKeys(sql), keyring, set)
  }

  /** Every key was revoked, or sealed with another secret: whoever notices first makes one for all. */
  async function replaceLostKey(withoutSigningKey: KeySet): Promise<KeySet> {
    try {
      await ensureSigningKey(deps)
      return await readKeySet()
    } catch (error) {
      set = withoutSigningKey // better no new tokens than tokens of a revoked key
      throw error
    }
  }

  async function readKeys(): Promise<void> {
    reloadedAtMs = performance.now()
    try {
      const next = await readKeySet()
      set = findSigningKey(next) === null ? await replaceLostKey(next) : next
      if (failure !== null) log.info('signing keys can be read again')
      failure = null
    } catch (error) {
      if (failure === null)
        log.warn({ err: error }, 'signing keys cannot be read; the known ones stay in use')
      failure = error instanceof Error ? error : new Error(String(error))
      throw error
    }
  }

  const timer = setInterval(() => void reload().catch(() => {}), reloadEveryMs).unref()

  return {
    current() {
      const key = requireSigningKey(set)
      return { kid: key.publicJwk.kid, algorithm: key.publicJwk.alg, privateKeyPem: key.privateKeyPem }
    },
    verificationKey: (kid) => toVerificationKey(set.byKid.get(kid)),
    async findVerificationKey(kid) {
      if (!set.byKid.has(kid) && kidShape.test(kid)) {
        if (reloading !== null || performance.now() - reloadedAtMs >= unknownKidReloadMs) await reload()
        else if (failure !== null) throw failure
      }
      return toVerificationKey(set.byKid.get(kid))
    },
    publicJwks: () => ({ keys: set.keys.map((key) => key.publicJwk) }),
    ageSeconds: () => Math.max(0, set.now() - requireSigningKey(set).activatesAtMs) / 1000,
    async close() {
      clearInterval(timer)
      await reloading?.catch(() => {})
    },
  }
}

function requireSigningKey(set: KeySet): OpenKey {
  const key = findSigningKey(set)
  if (key === null)
    throw new AppError('unavailable', 'There is no key to sign tokens with', { retryAfterSeconds: 5 })
  return key
}

function toVerificationKey(key: PublishedKey | undefined): VerificationKey | null {
  return key === undefined ? null : { algorithm: key.publicJwk.alg, publicKeyPem: key.publicKeyPem }
}
