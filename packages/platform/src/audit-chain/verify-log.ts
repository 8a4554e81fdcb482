import type { Sql } from '../database/client.js'
import type { Keyring } from '../crypto/keyring.js'
import { anchorPublicKey, type Anchor } from './anchor.js'
import { genesisHash } from './batch-hash.js'
import { anchorOf, checkAnchor, checkLink, type Link } from './check-batch.js'
import { finding, type Finding } from './finding.js'
import { inspectBatch } from './inspect-batch.js'
import {
  findChain,
  findLastAnchor,
  findStrangers,
  findToldDrop,
  findUnfoundedPseudonyms,
  readBatches,
  readPlaces,
  type BatchRow,
  type Chain,
} from './queries.js'

/** Events that one statement looks at: far below its time limit, also on a machine with more to do. */
const eventsPerStatement = 10_000
/** More are counted and not named. */
const maxFindings = 100
/** The event that tells of an erasure may be dropped a while before what it led to, which a look a month later may have been. */
const erasureMemoryMs = 40 * 86_400_000

export interface VerifyOptions {
  /** Heads that were kept where the database's owner cannot write, in their order. */
  readonly anchors?: readonly Anchor[]
  /** How long an event may have waited before it was stored. */
  readonly maxDelayDays?: number
  readonly onProgress?: (progress: { events: bigint; of: bigint }) => void
  readonly signal?: AbortSignal
}

export interface Verification {
  readonly chainId: string
  readonly firstBatch: bigint | null
  readonly lastBatch: bigint | null
  readonly lastSeq: bigint
  readonly headHash: string
  /** Events that were looked at. */
  readonly events: bigint
  readonly pseudonymised: bigint
  readonly droppedBefore: Date | null
  /** Signed heads that fit; of those, the last place that one by a known key vouches for. */
  readonly anchors: number
  readonly signedSeq: bigint
  readonly findings: readonly Finding[]
  /** Of those, and of others that are not named. */
  readonly findingCount: number
}

/**
 * Walks the log from the first batch that is kept to the last: each event is what was stored, at its place; each batch follows the one before
 * it; heads that were signed are still there. Reads alone, and may run beside everything else.
 */
export async function verifyLog(
  { sql, keyring }: { readonly sql: Sql; readonly keyring: Pick<Keyring, 'accepted'> },
  { anchors = [], maxDelayDays = 7, onProgress = () => {}, signal }: VerifyOptions = {},
): Promise<Verification> {
  const knownKeys = keyring.accepted.map(anchorPublicKey)
  const chain = await findChain(sql)
  let drop = await findToldDrop(sql)
  const findings: Finding[] = []
  let findingCount = 0
  const tell = (found: readonly Finding[]) => {
    findingCount += found.length
    findings.push(...found.slice(0, maxFindings - findings.length))
  }
  const kept = new Map<bigint, Anchor[]>()
  for (const anchor of anchors) kept.set(anchor.number, [...(kept.get(anchor.number) ?? []), anchor])
  // Before the walk: what is signed while it lasts may lie behind its end.
  const lastSigned = [await findLastAnchor(sql), ...kept.keys()].reduce((a, b) => (a > b ? a : b))
  const pseudonyms = new Map<string, bigint>()
  let [events, pseudonymised, signedSeq, signed] = [0n, 0n, 0n, 0]
  let firstBatch: bigint | null = null
  let link: Link | null = null

  async function checkEvents(batch: BatchRow): Promise<void> {
    if (!batch.isTrue) {
      // What was dropped while this runs is told as well.
      drop = await findToldDrop(sql)
      const isAllDropped = batch.found === 0 && drop !== null && batch.storedAt < drop.before
      if (!isAllDropped) tell(inspectBatch(batch, await readPlaces(sql, batch.number), drop))
    }
    if (batch.oddlyTimedSeq !== null)
      tell([
        finding(
          'back_dated',
          `event ${batch.oddlyTimedSeq} was stored ${batch.storedAt.toISOString()}, long after or before it is said to have happened`,
          { batch: batch.number, seq: batch.oddlyTimedSeq },
        ),
      ])
    if (batch.restoredSeq !== null)
      tell([
        finding('unblanked', `event ${batch.restoredSeq} was under a pseudonym and is not any more`, {
          batch: batch.number,
          seq: batch.restoredSeq,
        }),
      ])
  }

  function checkAnchors(batch: BatchRow): void {
    const own = anchorOf(batch, chain.id)
    for (const anchor of [...(own === null ? [] : [own]), ...(kept.get(batch.number) ?? [])]) {
      const check = checkAnchor(batch, anchor, knownKeys)
      tell(check.findings)
      if (check.findings.length > 0) continue
      signed += 1
      if (check.isOurs) signedSeq = batch.lastSeq
    }
  }

  for (;;) {
    const position: { number: bigint; lastSeq: bigint } = link ?? { number: 0n, lastSeq: 0n }
    const batches = await readBatches(sql, position, { events: eventsPerStatement, maxDelayDays })
    if (batches.length === 0) break
    for (const batch of batches) {
      if (link !== null && batch.number > link.number + 1n) {
        drop = await findToldDrop(sql)
        if (batch.number <= (drop?.keptFrom ?? 1n)) link = null // those between have gone while this runs
      }
      if (link === null) {
        firstBatch = batch.number
        tell(checkStart(batch, chain, drop?.keptFrom ?? 1n))
      }
      tell(checkLink(batch, link))
      await checkEvents(batch)
      checkAnchors(batch)
      if (batch.kind === 'stored') events += BigInt(batch.found)
      pseudonymised += BigInt(batch.pseudonymised)
      const mayBeForgotten =
        drop !== null && batch.storedAt.getTime() < drop.before.getTime() + erasureMemoryMs
      if (batch.pseudonym !== null && !mayBeForgotten) pseudonyms.set(batch.pseudonym, batch.number)
      link = batch
    }
    onProgress({ events, of: chain.events })
    signal?.throwIfAborted()
  }

  for (const pseudonym of await findUnfoundedPseudonyms(sql, [...pseudonyms.keys()]))
    tell([
      finding(
        'unfounded_pseudonym',
        `events were put under the pseudonym ${pseudonym}, and nobody was erased`,
        {
          batch: pseudonyms.get(pseudonym) ?? null,
        },
      ),
    ])
  for (const { id, seq } of await findStrangers(sql, maxFindings))
    tell([
      finding(
        'inserted',
        `event ${id} ${seq === null ? 'has no place in the log' : `stands at ${seq}, which no batch gave`}`,
        {
          seq,
          eventId: id,
        },
      ),
    ])
  const last = link?.number ?? 0n
  if (lastSigned > last)
    tell([
      finding('cut_off', `the log ends with batch ${last}, and batch ${lastSigned} was signed`, {
        batch: lastSigned,
      }),
    ])
  for (const { chainId } of anchors.filter((anchor) => anchor.chainId !== chain.id).slice(0, 1))
    tell([finding('anchor_invalid', `the file has heads of the log ${chainId}, and this one is ${chain.id}`)])

  return {
    chainId: chain.id,
    firstBatch,
    lastBatch: link?.number ?? null,
    lastSeq: link?.lastSeq ?? 0n,
    headHash: (link?.hash ?? genesisHash(chain.id)).toString('hex'),
    events,
    pseudonymised,
    droppedBefore: drop?.before ?? null,
    anchors: signed,
    signedSeq,
    findings,
    findingCount,
  }
}

/** The first batch is the very first, or batches before it were told to be gone. */
function checkStart(batch: BatchRow, chain: Chain, toldFrom: bigint): Finding[] {
  const at = { batch: batch.number }
  if (batch.number === 1n && !batch.previousHash.equals(genesisHash(chain.id)))
    return [finding('chain_broken', 'batch 1 does not begin this log', at)]
  if (batch.number > 1n && batch.number > toldFrom)
    return [
      finding(
        'batch_missing',
        `the log begins with batch ${batch.number}, and nothing tells what became of those before`,
        at,
      ),
    ]
  return []
}
