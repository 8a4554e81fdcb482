import { finding, type Finding } from './finding.js'
import type { BatchRow, PlacedEvent, ToldDrop } from './queries.js'

const digestBytes = 32

/** Names what is wrong at each place of a batch whose events are not what was stored. */
export function inspectBatch(
  batch: Pick<BatchRow, 'number' | 'lastSeq' | 'events' | 'months' | 'storedAt'>,
  { digests, events }: { digests: Buffer; events: readonly PlacedEvent[] },
  drop: ToldDrop | null,
): Finding[] {
  const firstSeq = batch.lastSeq - BigInt(batch.events) + 1n
  const digestAt = (place: number) => digests.subarray(place * digestBytes, (place + 1) * digestBytes)
  const placeOf = (digest: Buffer) =>
    Array.from({ length: batch.events }, (_, place) => place).find((place) => digestAt(place).equals(digest))

  return Array.from({ length: batch.events }, (_, place) => place).flatMap((place) => {
    const seq = firstSeq + BigInt(place)
    const [first, ...others] = events.filter((event) => event.seq === seq)
    if (first === undefined) return isDropped(batch, place, drop) ? [] : [missing(batch.number, seq)]
    // Of several at one place, the one that was stored is not to blame.
    const strangers = [first, ...others].filter((event) => !isAsStored(event, digestAt(place)))
    if (others.length > 0)
      return (strangers.length > 0 ? strangers : others).map((event) =>
        describe('inserted', batch.number, event),
      )
    return strangers.map((event) => {
      const stood = event.isAmended ? undefined : placeOf(event.digest)
      return stood === undefined || stood === place
        ? describe('changed', batch.number, event)
        : describe('moved', batch.number, event, `, which was stored as ${firstSeq + BigInt(stood)}`)
    })
  })
}

function isAsStored(event: PlacedEvent, stored: Buffer): boolean {
  if (!event.isRecordedThen) return false
  return event.isAmended ? event.amendedDigest?.equals(event.digest) === true : event.digest.equals(stored)
}

/** Of a month that is over; or, in whatever month it claimed to be, stored before one that was dropped. */
function isDropped(
  { months, storedAt }: Pick<BatchRow, 'months' | 'storedAt'>,
  place: number,
  drop: ToldDrop | null,
): boolean {
  if (drop === null) return false
  const month = months?.[place]
  if (month === undefined) return storedAt < drop.before
  return (
    storedAt < drop.before || Date.UTC(Math.trunc(month / 100), (month % 100) - 1) < drop.before.getTime()
  )
}

function missing(batch: bigint, seq: bigint): Finding {
  return finding('missing', `event ${seq} of batch ${batch} is missing`, { batch, seq })
}

function describe(
  kind: 'changed' | 'moved' | 'inserted',
  batch: bigint,
  { seq, id, type, occurredAt }: PlacedEvent,
  more = '',
): Finding {
  const detail = `event ${seq} (${type} of ${occurredAt.toISOString()}, ${id}) was ${kind}${more}`
  return finding(kind, detail, { batch, seq, eventId: id })
}
