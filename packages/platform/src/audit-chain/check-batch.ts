import { isSignatureValid, type Anchor } from './anchor.js'
import { hashBatch } from './batch-hash.js'
import { finding, type Finding } from './finding.js'
import type { BatchRow } from './queries.js'

/** What the next batch follows. */
export interface Link {
  readonly number: bigint
  readonly lastSeq: bigint
  readonly hash: Buffer
  readonly storedAt: Date | null
}

/** Two servers of one database that takes over may disagree on the time by so much. */
const clockDifferenceMs = 5 * 60_000

/** Whether a batch is what was hashed, and follows the one before it. */
export function checkLink(batch: BatchRow, before: Link | null): Finding[] {
  const at = { batch: batch.number }
  const found: Finding[] = []
  if (before !== null && batch.number !== before.number + 1n)
    found.push(
      finding('batch_missing', `batches ${before.number + 1n} to ${batch.number - 1n} are missing`, at),
    )
  else if (before !== null && !batch.previousHash.equals(before.hash))
    found.push(finding('chain_broken', `batch ${batch.number} does not follow batch ${before.number}`, at))
  if (!hashBatch(batch).equals(batch.hash))
    found.push(
      finding(
        'batch_changed',
        `batch ${batch.number} (events to ${batch.lastSeq}) is not what was hashed`,
        at,
      ),
    )
  if (before !== null && batch.number === before.number + 1n) {
    const first = batch.lastSeq - BigInt(batch.kind === 'stored' ? batch.events : 0)
    if (first !== before.lastSeq)
      found.push(
        finding('chain_broken', `batch ${batch.number} does not count on from event ${before.lastSeq}`, at),
      )
    if (before.storedAt !== null && batch.storedAt.getTime() < before.storedAt.getTime() - clockDifferenceMs)
      found.push(
        finding(
          'back_dated',
          `batch ${batch.number} says that it was stored before batch ${before.number}`,
          at,
        ),
      )
  }
  return found
}

export type AnchorCheck = { readonly isOurs: boolean; readonly findings: readonly Finding[] }

/**
 * Whether a head that was signed is this batch. One of a key that is not known any more, since AUTH_SECRET was changed, proves nothing; the
 * next one vouches for what it did.
 */
export function checkAnchor(batch: BatchRow, anchor: Anchor, knownKeys: readonly Buffer[]): AnchorCheck {
  const isOurs = knownKeys.some((key) => key.equals(anchor.publicKey))
  const at = { batch: batch.number }
  const when = `the head that was signed at ${anchor.signedAt.toISOString()}`
  if (!isSignatureValid(anchor))
    return { isOurs, findings: [finding('anchor_invalid', `${when} has no valid signature`, at)] }
  if (!anchor.hash.equals(batch.hash) || anchor.lastSeq !== batch.lastSeq)
    return {
      isOurs,
      findings: [
        finding(
          'anchor_invalid',
          `batch ${batch.number} is not ${when}: it or one before it was changed since`,
          at,
        ),
      ],
    }
  return { isOurs, findings: [] }
}

export function anchorOf(batch: BatchRow, chainId: string): Anchor | null {
  const { anchorHash, anchorLastSeq, anchorSignedAt, anchorPublicKey, anchorSignature } = batch
  if (
    anchorHash === null ||
    anchorLastSeq === null ||
    anchorSignedAt === null ||
    anchorPublicKey === null ||
    anchorSignature === null
  )
    return null
  return {
    chainId,
    number: batch.number,
    lastSeq: anchorLastSeq,
    hash: anchorHash,
    signedAt: anchorSignedAt,
    publicKey: anchorPublicKey,
    signature: anchorSignature,
  }
}
