import type { Sql } from '../database/client.js'
import type { Anchor, Head } from './anchor.js'
import type { HashedBatch } from './batch-hash.js'

/** The chain as it is now, and the newest head that was signed. Null for a log that nothing was ever stored in. */
export async function findHead(sql: Sql): Promise<(Head & { anchoredSeq: bigint; hasNews: boolean }) | null> {
  const [row] = await sql<(Head & { anchoredSeq: bigint; hasNews: boolean })[]>`
    SELECT chain.id AS chain_id, head.number, head.last_seq, head.hash, anchored.seq AS anchored_seq,
      head.number > anchored.number AND (
        head.kind = 'pseudonymised'
        OR EXISTS (SELECT FROM security_events WHERE seq > anchored.seq AND type <> 'audit.anchored')) AS has_news
    FROM audit_chain AS chain,
      (SELECT * FROM audit_batches ORDER BY number DESC LIMIT 1) AS head,
      (SELECT coalesce(max(number), 0) AS number, coalesce(max(last_seq), 0) AS seq FROM audit_anchors) AS anchored`
  return row ?? null
}

/** False when another worker signed the same head. The event tells of it to whoever receives events. */
export async function insertAnchor(
  sql: Sql,
  anchor: Anchor,
  event: Readonly<Record<string, string>>,
): Promise<boolean> {
  const rows = await sql`
    WITH signed AS (
      INSERT INTO audit_anchors (number, last_seq, hash, signed_at, public_key, signature)
      VALUES (${anchor.number}, ${anchor.lastSeq}, ${anchor.hash}, ${anchor.signedAt}, ${anchor.publicKey}, ${anchor.signature})
      ON CONFLICT DO NOTHING
      RETURNING number
    )
    INSERT INTO outbox (type, severity, data)
    SELECT 'audit.anchored', 'info', ${JSON.stringify(event)}::text::jsonb FROM signed
    RETURNING id`
  return rows.length > 0
}

export interface Chain {
  readonly id: string
  /** Batches before this one may be gone. */
  readonly keptFrom: bigint
  readonly events: bigint
}

export async function findChain(sql: Sql): Promise<Chain> {
  const [row] = await sql<Chain[]>`
    SELECT chain.id, chain.kept_from,
      coalesce((SELECT last_seq FROM audit_batches ORDER BY number DESC LIMIT 1), 0)
        - coalesce((SELECT last_seq FROM audit_batches ORDER BY number LIMIT 1), 0) AS events
    FROM audit_chain AS chain`
  if (row === undefined) throw new Error('audit_chain has no row: the log has lost its name')
  return row
}

export interface BatchRow extends HashedBatch {
  readonly hash: Buffer
  readonly storedAt: Date
  /** Rows that stand at the places of this batch. */
  readonly found: number
  /** Whether they are what was stored, each at its place, or what was told of them since. */
  readonly isTrue: boolean
  readonly pseudonymised: number
  /** The first that happened long before it was stored, or after. */
  readonly oddlyTimedSeq: bigint | null
  /** The first that was put under a pseudonym in this batch and is not any more. */
  readonly restoredSeq: bigint | null
  readonly anchorHash: Buffer | null
  readonly anchorLastSeq: bigint | null
  readonly anchorSignedAt: Date | null
  readonly anchorPublicKey: Buffer | null
  readonly anchorSignature: Buffer | null
}

/**
 * What `security_event_digest` makes of an event, in functions of PostgreSQL alone: whoever can change the log can change ours, too.
 * docs/audit-log.md has it in words.
 */
const digestOf = (sql: Sql) => sql`
  sha256(convert_to(json_build_array(
    e.id, e.occurred_at AT TIME ZONE 'UTC', e.type, e.severity, e.user_id, e.actor_id, e.session_id, e.ip,
    e.user_agent, e.request_id, e.trace_id, e.data, e.salt)::text, 'UTF8'))`

/** What the batch that put an event under its pseudonym has as its digest. */
const amendedDigestOf = (sql: Sql) => sql`
  (SELECT substring(a.digests FROM 32 * array_position(a.seqs, e.seq) - 31 FOR 32)
  FROM audit_batches a WHERE a.number = e.amended_in AND a.kind = 'pseudonymised')`

/** The batches after one, of about so many events, and what stands at their places: all at one moment. */
export async function readBatches(
  sql: Sql,
  after: { readonly number: bigint; readonly lastSeq: bigint },
  { events, maxDelayDays }: { events: number; maxDelayDays: number },
): Promise<BatchRow[]> {
  return sql<BatchRow[]>`
    WITH batch AS MATERIALIZED (
      SELECT b.* FROM audit_batches b
      WHERE b.number > ${after.number}
        AND b.number <= (SELECT min(number) FROM audit_batches WHERE number > ${after.number}) + ${events}::int / 10
        AND (b.last_seq <= ${after.lastSeq}::bigint + ${events}::int
          OR b.number = (SELECT min(number) FROM audit_batches WHERE number > ${after.number}))
    ), bounds AS MATERIALIZED (
      SELECT min(last_seq - events) AS low, max(last_seq) AS high FROM batch WHERE kind = 'stored'
    ), place AS (
      SELECT number, stored_at, last_seq - events + place AS seq FROM batch, generate_series(1, events) AS place WHERE kind = 'stored'
    ), event AS (
      SELECT e.seq, e.occurred_at, e.recorded_at, e.amended_in, ${digestOf(sql)} AS digest,
        CASE WHEN e.amended_in IS NOT NULL THEN ${amendedDigestOf(sql)} END AS amended
      FROM security_events e
      WHERE e.seq > (SELECT low FROM bounds) AND e.seq <= (SELECT high FROM bounds)
    ), stored AS (
      SELECT place.number, count(event.seq)::int AS found, count(event.amended_in)::int AS pseudonymised,
        string_agg(
          CASE
            WHEN event.recorded_at <> place.stored_at THEN NULL
            WHEN event.amended_in IS NULL THEN event.digest
            WHEN event.amended = event.digest THEN substring(b.digests FROM 32 * (place.seq - b.last_seq + b.events)::int - 31 FOR 32)
          END, ''::bytea ORDER BY place.seq) AS digests,
        min(event.seq) FILTER (WHERE event.occurred_at < place.stored_at - make_interval(days => ${maxDelayDays}::int)
          OR event.occurred_at > place.stored_at + interval '1 day') AS oddly_timed_seq
      FROM place
      JOIN event ON event.seq = place.seq
      LEFT JOIN batch b ON event.amended_in IS NOT NULL AND b.number = place.number
      GROUP BY place.number
    ), restored AS (
      SELECT batch.number, min(e.seq) AS seq
      FROM batch, unnest(batch.seqs) AS changed (seq) JOIN security_events e ON e.seq = changed.seq
      WHERE e.amended_in IS NULL OR e.amended_in < batch.number
      GROUP BY batch.number
    )
    SELECT batch.number, batch.kind, batch.last_seq, batch.events, batch.months, batch.seqs, batch.pseudonym, batch.stored_at,
      (extract(epoch FROM batch.stored_at) * 1000000)::bigint AS stored_microseconds, batch.previous_hash, batch.hash,
      sha256(batch.digests) AS digests_hash, coalesce(stored.found, 0) AS found,
      batch.kind <> 'stored' OR coalesce(stored.digests = batch.digests AND stored.found = batch.events, false) AS is_true,
      coalesce(stored.pseudonymised, 0) AS pseudonymised, stored.oddly_timed_seq, restored.seq AS restored_seq,
      anchor.hash AS anchor_hash, anchor.last_seq AS anchor_last_seq, anchor.signed_at AS anchor_signed_at,
      anchor.public_key AS anchor_public_key, anchor.signature AS anchor_signature
    FROM batch
    LEFT JOIN stored USING (number)
    LEFT JOIN restored USING (number)
    LEFT JOIN audit_anchors AS anchor USING (number)
    ORDER BY batch.number`
}

export interface PlacedEvent {
  readonly seq: bigint
  readonly id: string
  readonly type: string
  readonly occurredAt: Date
  readonly digest: Buffer
  /** What the log says it is since it was put under a pseudonym; null where it was not, or no batch tells of it. */
  readonly amendedDigest: Buffer | null
  readonly isAmended: boolean
  /** Whether it says the same time of its storing as its batch. */
  readonly isRecordedThen: boolean
}

/** Each event at the places of a batch, and the digests of what was stored there. */
export async function readPlaces(
  sql: Sql,
  number: bigint,
): Promise<{ digests: Buffer; events: PlacedEvent[] }> {
  const [batch] = await sql<{ digests: Buffer }[]>`SELECT digests FROM audit_batches WHERE number = ${number}`
  const events = await sql<PlacedEvent[]>`
    SELECT e.seq, e.id, e.type, e.occurred_at, ${digestOf(sql)} AS digest, e.amended_in IS NOT NULL AS is_amended,
      ${amendedDigestOf(sql)} AS amended_digest, e.recorded_at = b.stored_at AS is_recorded_then
    FROM audit_batches b JOIN security_events e ON e.seq > b.last_seq - b.events AND e.seq <= b.last_seq
    WHERE b.number = ${number}
    ORDER BY e.seq, e.id`
  return { digests: batch?.digests ?? Buffer.alloc(0), events }
}

export interface ToldDrop {
  /** Months that begin before it are gone. */
  readonly before: Date
  readonly keptFrom: bigint
}

/** The last that the log tells of months that were dropped; of what is on its way into the log, too. */
export async function findToldDrop(sql: Sql): Promise<ToldDrop | null> {
  const [row] = await sql<ToldDrop[]>`
    WITH told AS (
      SELECT occurred_at, data FROM security_events WHERE type = 'audit.partition_dropped'
      UNION ALL
      SELECT occurred_at, data FROM outbox WHERE type = 'audit.partition_dropped'
    ), dated AS (
      SELECT (data->>'before' || 'Z')::timestamptz AS before, (data->>'keptFrom')::bigint AS kept_from, occurred_at FROM told
    )
    -- Nothing is dropped in its first 30 days: what says so is not ours.
    SELECT max(before) AS before, max(kept_from) AS kept_from FROM dated
    WHERE before <= occurred_at - interval '30 days' HAVING count(*) > 0`
  return row ?? null
}

/** The first events that have no place in the chain, or one that no batch gave. */
export async function findStrangers(sql: Sql, limit: number): Promise<{ id: string; seq: bigint | null }[]> {
  return sql<{ id: string; seq: bigint | null }[]>`
    WITH bounds AS MATERIALIZED (
      SELECT min(last_seq - CASE kind WHEN 'stored' THEN events ELSE 0 END) AS low, max(last_seq) AS high FROM audit_batches
    )
    (SELECT id, seq FROM security_events WHERE seq IS NULL LIMIT ${limit})
    UNION ALL
    (SELECT id, seq FROM security_events WHERE seq <= (SELECT coalesce(low, 0) FROM bounds) LIMIT ${limit})
    UNION ALL
    (SELECT id, seq FROM security_events WHERE seq > (SELECT coalesce(high, 0) FROM bounds) LIMIT ${limit})
    LIMIT ${limit}`
}

/** Of these pseudonyms, those that no erasure stands behind. */
export async function findUnfoundedPseudonyms(sql: Sql, pseudonyms: readonly string[]): Promise<string[]> {
  const rows = await sql<{ pseudonym: string }[]>`
    SELECT p.pseudonym FROM unnest(${[...pseudonyms]}::uuid[]) AS p (pseudonym)
    WHERE NOT EXISTS (SELECT FROM security_events e WHERE e.user_id = p.pseudonym AND e.type = 'user.deleted')
      AND NOT EXISTS (SELECT FROM erasures WHERE erasures.pseudonym = p.pseudonym)`
  return rows.map(({ pseudonym }) => pseudonym)
}

/** The number of the newest head that was signed; 0 when none was. */
export async function findLastAnchor(sql: Sql): Promise<bigint> {
  const [row] = await sql<{ number: bigint }[]>`SELECT coalesce(max(number), 0) AS number FROM audit_anchors`
  return row?.number ?? 0n
}
