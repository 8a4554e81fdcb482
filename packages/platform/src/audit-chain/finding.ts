/** What is wrong with the log. */
export type FindingKind =
  | 'changed' // an event is not what was stored
  | 'missing' // an event is gone, and no month was dropped that it was of
  | 'moved' // an event stands at the place of another
  | 'inserted' // an event that never was stored by the function that stores
  | 'back_dated' // an event or a batch has a time that cannot be
  | 'unblanked' // an event was under a pseudonym and is not any more
  | 'unfounded_pseudonym' // an event was put under a pseudonym, and nobody was erased
  | 'batch_changed' // a batch is not what was hashed
  | 'batch_missing' // batches are gone that nothing tells of
  | 'chain_broken' // a batch does not follow the one before it
  | 'anchor_invalid' // a head was signed that is not, or its signature is not valid
  | 'cut_off' // a head was signed that lies behind the end

export interface Finding {
  readonly kind: FindingKind
  readonly batch: bigint | null
  readonly seq: bigint | null
  readonly eventId: string | null
  readonly detail: string
}

export function finding(
  kind: FindingKind,
  detail: string,
  {
    batch = null,
    seq = null,
    eventId = null,
  }: { batch?: bigint | null; seq?: bigint | null; eventId?: string | null } = {},
): Finding {
  return { kind, batch, seq, eventId, detail }
}
