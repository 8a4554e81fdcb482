import { sealedWebhookPlace } from '@latchkey/contracts/webhooks'
import { isSealedWith, open, seal } from '@latchkey/platform/crypto/seal'
import type { Deps } from '../../deps.js'
import {
  deleteOldDeliveries,
  forgetPreviousSecrets,
  giveUpOldDeliveries,
  listSealedSecrets,
  replaceSealedSecrets,
  type SealedSecrets,
} from './queries.js'

type CleanDeps = Pick<Deps, 'keyring' | 'log' | 'metrics' | 'sql'>

/** Of an endpoint that was disabled or away: a weekend, and news after it. */
const maxAgeSeconds = 3 * 24 * 3600
const keepSeconds = 7 * 24 * 3600
/** As long as failed jobs are kept, to be replayed. */
const keepDeadSeconds = 30 * 24 * 3600
const batchSize = 1000

/** Gives up what has waited for days, forgets what was settled long ago, and seals secrets with the present AUTH_SECRET. */
export async function cleanWebhooks(deps: CleanDeps, signal: AbortSignal): Promise<void> {
  const { log, metrics, sql } = deps
  let taken = batchSize
  while (taken === batchSize && !signal.aborted) {
    taken = await giveUpOldDeliveries(sql, { maxAgeSeconds, limit: batchSize })
    if (taken === 0) break
    metrics.webhookDeliveriesTotal.inc({ status: 'dead' }, taken)
    log.error(
      { deliveries: taken },
      'Webhooks have waited for three days and are given up until they are replayed',
    )
  }
  taken = batchSize
  while (taken === batchSize && !signal.aborted)
    taken = await deleteOldDeliveries(sql, { keepSeconds, keepDeadSeconds, limit: batchSize })
  await forgetPreviousSecrets(sql)
  for (const secrets of await listSealedSecrets(sql)) await reseal(deps, secrets)
}

/** So that AUTH_SECRET_PREVIOUS can be taken out an hour later. */
async function reseal({ keyring, log, sql }: CleanDeps, secrets: SealedSecrets): Promise<void> {
  const { id, sealedSecret, sealedPreviousSecret } = secrets
  const place = sealedWebhookPlace(id)
  const resealed = (sealed: Buffer): Buffer =>
    isSealedWith(keyring.current, sealed, place)
      ? sealed
      : seal(keyring.current, open(keyring, sealed, place), place)
  try {
    const fresh = {
      sealedSecret: resealed(sealedSecret),
      sealedPreviousSecret: sealedPreviousSecret === null ? null : resealed(sealedPreviousSecret),
    }
    const isChanged =
      fresh.sealedSecret !== sealedSecret || fresh.sealedPreviousSecret !== sealedPreviousSecret
    if (isChanged) await replaceSealedSecrets(sql, secrets, fresh)
  } catch (error) {
    log.error({ err: error, webhookId: id }, 'The secret of a webhook cannot be opened; give it a new one')
  }
}
