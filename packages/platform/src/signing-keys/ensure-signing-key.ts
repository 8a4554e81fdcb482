import type { Keyring } from '../crypto/keyring.js'
import { addSigningKey, publishLeadSeconds, type SigningKeyDeps } from './add-signing-key.js'
import { buildKeySet, findSigningKey, isNewestSealedWithCurrent } from './key-set.js'
import { findPublishedSigningKeys, lockSigningKeys, type SigningKeyRow } from './queries.js'
import { generateSigningKey } from './signing-key.js'

/**
 * Makes a signing key where this process has none that it can sign with, to be used at once: the first start, or all keys
 * were revoked or sealed under a secret that is lost.
 * After a change of AUTH_SECRET it makes one that takes over later: a signing key is never sealed anew, because whoever had the
 * old secret may have opened it. AUTH_SECRET_PREVIOUS may go once that key signs.
 */
export async function ensureSigningKey(deps: SigningKeyDeps): Promise<void> {
  if (decideLeadSeconds(await findPublishedSigningKeys(deps.sql), deps.keyring) === null) return
  const key = await generateSigningKey(deps.config.signingAlgorithm)
  await deps.sql.begin(async (sql) => {
    await lockSigningKeys(sql)
    // Another process may have made it between our first look and the lock.
    const leadSeconds = decideLeadSeconds(await findPublishedSigningKeys(sql), deps.keyring)
    if (leadSeconds !== null) await addSigningKey({ ...deps, sql }, key, leadSeconds)
  })
}

/** Null when no key is wanted. */
function decideLeadSeconds(rows: readonly SigningKeyRow[], keyring: Keyring): number | null {
  if (findSigningKey(buildKeySet(rows, keyring, null)) === null) return 0
  return isNewestSealedWithCurrent(rows, keyring) ? null : publishLeadSeconds
}
