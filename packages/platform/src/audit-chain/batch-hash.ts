import { createHash } from 'node:crypto'

/** A batch as it is hashed. */
export interface HashedBatch {
  readonly number: bigint
  readonly kind: string
  readonly lastSeq: bigint
  readonly events: number
  readonly storedMicroseconds: bigint
  readonly previousHash: Buffer
  /** SHA-256 of the digests of its events. */
  readonly digestsHash: Buffer
  readonly months: readonly number[] | null
  readonly seqs: readonly bigint[] | null
  readonly pseudonym: string | null
}

/**
 * The same as `append_audit_batch` makes it, computed here: whoever can change the log can change the functions of its database, too.
 */
export function hashBatch(batch: HashedBatch): Buffer {
  return sha256(
    [
      'latchkey audit batch v1',
      batch.number,
      batch.kind,
      batch.lastSeq,
      batch.events,
      batch.storedMicroseconds,
      batch.previousHash.toString('hex'),
      batch.digestsHash.toString('hex'),
      batch.months?.join(',') ?? '-',
      batch.seqs?.join(',') ?? '-',
      batch.pseudonym ?? '-',
    ].join('\n'),
  )
}

/** What the first batch follows. */
export function genesisHash(chainId: string): Buffer {
  return sha256(`latchkey audit v1\n${chainId}`)
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}
