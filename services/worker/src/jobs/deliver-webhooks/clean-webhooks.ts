import { sealedWebhookPlace } from '@latchkey/contracts/webhooks'
import { isSealedWith, open, seal } from '@latchkey/platform/crypto/seal'
import type { Deps } from '../../deps.js'
import {
  deleteDeliveriesTo,
  deleteSettledDeliveries,
  findDeletedEndpoints,
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
  const limit = batchSize
  const givenUp = await inBatches(signal, () => giveUpOldDeliveries(sql, { maxAgeSeconds, limit }))
  if (givenUp > 0) {
    metrics.webhookDeliveriesTotal.inc({ status: 'dead' }, givenUp)
    log.error({ givenUp }, 'Webhooks have waited for three days and are given up until they are replayed')
  }
  await inBatches(signal, () => deleteSettledDeliveries(sql, { status: 'delivered', keepSeconds, limit }))
  await inBatches(signal, () =>
    deleteSettledDeliveries(sql, { status: 'dead', keepSeconds: keepDeadSeconds, limit }),
  )
  for (const { endpointId } of await findDeletedEndpoints(sql))
    await inBatches(signal, () => deleteDeliveriesTo(sql, endpointId, limit))
  await forgetPreviousSecrets(sql)
  for (const secrets of await listSealedSecrets(sql)) await reseal(deps, secrets)
}

/** Until there is nothing left to take, or the worker stops; answers how much was taken. */
async function inBatches(signal: AbortSignal, takeBatch: () => Promise<number>): Promise<number> {
  let sum = 0
  let taken = batchSize
  while (taken === batchSize && !signal.aborted) {
    taken = await takeBatch()
    sum += taken
  }
  return sum
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
