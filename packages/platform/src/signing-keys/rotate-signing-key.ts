import type { Sql } from '../database/client.js'
import {
  addSigningKey,
  publishLeadSeconds,
  type AddedSigningKey,
  type SigningKeyDeps,
} from './add-signing-key.js'
import {
  deleteRetiredSigningKeys,
  hasSigningKeyInUse,
  isNewestSigningKeyOlderThan,
  lockSigningKeys,
} from './queries.js'
import { generateSigningKey, type NewSigningKey } from './signing-key.js'

const rotateAfterSeconds = 90 * 86_400

/** Whether the newest signing key has been signing for 90 days. */
export async function isRotationDue(sql: Sql): Promise<boolean> {
  return isNewestSigningKeyOlderThan(sql, rotateAfterSeconds)
}

/** Publishes a new signing key that takes over in ten minutes, or at once where no other key signs. */
export async function rotateSigningKey(deps: SigningKeyDeps): Promise<AddedSigningKey> {
  const key = await generateSigningKey(deps.config.signingAlgorithm)
  return deps.sql.begin(async (sql) => {
    await lockSigningKeys(sql)
    return replaceSigningKeys({ ...deps, sql }, key)
  })
}

/** The same when a rotation is due, else null; of several workers that notice together one rotates. */
export async function rotateSigningKeyWhenDue(deps: SigningKeyDeps): Promise<AddedSigningKey | null> {
  if (!(await isRotationDue(deps.sql))) return null
  const key = await generateSigningKey(deps.config.signingAlgorithm)
  return deps.sql.begin(async (sql) => {
    await lockSigningKeys(sql)
    return (await isRotationDue(sql)) ? replaceSigningKeys({ ...deps, sql }, key) : null
  })
}

async function replaceSigningKeys(deps: SigningKeyDeps, key: NewSigningKey): Promise<AddedSigningKey> {
  await deleteRetiredSigningKeys(deps.sql)
  const leadSeconds = (await hasSigningKeyInUse(deps.sql)) ? publishLeadSeconds : 0
  return addSigningKey(deps, key, leadSeconds)
}
