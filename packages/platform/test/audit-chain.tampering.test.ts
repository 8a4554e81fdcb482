// Attack: whoever has the database, its owner included, changes the log, takes out of it, adds to it or begins it anew.
// Alone: it starts servers and processes of its own.
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { anchorHead } from '@latchkey/platform/audit-chain/anchor-head'
import { readAnchor } from '@latchkey/platform/audit-chain/anchor-line'
import { verifyLog } from '@latchkey/platform/audit-chain/verify-log'
import { createKeyring } from '@latchkey/platform/crypto/keyring'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'
import { moveOutboxRows } from '@latchkey/platform/security-events/queries'
import { eraseSomebody, eventOf, findingsAfter, keyring, storeBatches } from './support/audit-log.js'
import { connectTestDatabase } from './support/pipeline.js'

const database = await createTestDatabase(t)
const { owner } = database
const worker = connectTestDatabase(t, database.url, 'latchkey_worker')
const userId = newId()
// Places 1 to 10 in three batches, 11 and 12 of somebody who left, 13 user.deleted, 14 the anchor's own, 15 and 16 after it.
await storeBatches(worker, userId, [1, 6, 3])
await eraseSomebody(database, worker)
const anchor = await anchorHead({ sql: worker, keyring })
await moveOutboxRows(worker, 100)
await storeBatches(worker, userId, [2])
const kept = readAnchor(JSON.stringify(anchor))
if (kept === null) throw new Error('no anchor')

t.test('a log that nobody touched is what was stored', async (t) => {
  const verification = await verifyLog({ sql: worker, keyring }, { anchors: [kept] })
  t.match(verification, {
    findings: [],
    findingCount: 0,
    events: 16n,
    lastSeq: 16n,
    pseudonymised: 3n,
    anchors: 2,
    signedSeq: 13n,
    firstBatch: 1n,
    lastBatch: 8n,
  })
  const [row] = await owner`SELECT array_agg(seq ORDER BY seq) = array_agg(n ORDER BY n) AS is_dense
    FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS n FROM security_events) AS numbered`
  t.match(row, { isDense: true })
})

t.test('what is changed, missing, moved or added is named', async (t) => {
  const cases: readonly [string, readonly string[]][] = [
    [`UPDATE security_events SET type = 'login.succeeded' WHERE seq = 3`, ['changed 3']],
    [`UPDATE security_events SET severity = 'info' WHERE seq = 10`, ['changed 10']],
    [`UPDATE security_events SET data = data || '{"tried": 1.50}' WHERE seq = 4`, ['changed 4']],
    [
      `UPDATE security_events SET occurred_at = occurred_at + interval '1 microsecond' WHERE seq = 5`,
      ['changed 5'],
    ],
    [`UPDATE security_events SET recorded_at = recorded_at - interval '1 hour' WHERE seq = 5`, ['changed 5']],
    [`UPDATE security_events SET user_id = gen_random_uuid() WHERE seq = 15`, ['changed 15']],
    // As an erasure would, and as if one had.
    [`UPDATE security_events SET user_id = NULL, ip = NULL, user_agent = NULL WHERE seq = 6`, ['changed 6']],
    [`UPDATE security_events SET ip = NULL, amended_in = 6 WHERE seq = 6`, ['changed 6']],
    [`UPDATE security_events SET amended_in = 99 WHERE seq = 6`, ['changed 6']],
    [`UPDATE security_events SET type = 'login.succeeded' WHERE seq = 11`, ['changed 11']],
    [`UPDATE security_events SET amended_in = NULL WHERE seq = 11`, ['changed 11', 'unblanked 11']],
    ['DELETE FROM security_events WHERE seq = 7', ['missing 7']],
    ['DELETE FROM security_events WHERE seq IN (8, 9, 10)', ['missing 8', 'missing 9', 'missing 10']],
    ['UPDATE security_events SET seq = 11 - seq WHERE seq IN (4, 7)', ['moved 4', 'moved 7']],
    [
      `INSERT INTO security_events (id, occurred_at, type, severity) VALUES (gen_random_uuid(), now(), 'x', 'info')`,
      ['inserted'],
    ],
    [
      `INSERT INTO security_events (id, occurred_at, type, severity, seq) VALUES (gen_random_uuid(), now(), 'x', 'info', 5)`,
      ['inserted 5'],
    ],
    [
      `INSERT INTO security_events (id, occurred_at, type, severity, seq) VALUES (gen_random_uuid(), now(), 'x', 'info', 17)`,
      ['inserted 17'],
    ],
    [
      `INSERT INTO security_events (id, occurred_at, type, severity, seq) VALUES (gen_random_uuid(), now(), 'x', 'info', 0)`,
      ['inserted 0'],
    ],
  ]
  for (const [statement, expected] of cases)
    t.same(await findingsAfter(owner, (sql) => sql.unsafe(statement)), expected, statement)
})

t.test('who changes the chain as well is found by the chain', async (t) => {
  const cases: readonly [string, readonly string[]][] = [
    [
      "UPDATE audit_batches SET stored_at = stored_at - interval '1 hour' WHERE number = 3",
      ['batch_changed batch 3', 'back_dated batch 3', 'changed 8', 'changed 9', 'changed 10'],
    ],
    [
      'UPDATE audit_batches SET digests = sha256(digests) WHERE number = 1',
      ['batch_changed batch 1', 'changed 1'],
    ],
    [
      'UPDATE audit_batches SET pseudonym = gen_random_uuid() WHERE number = 6',
      ['batch_changed batch 6', 'unfounded_pseudonym batch 6'],
    ],
    ['DELETE FROM audit_batches WHERE number = 2', ['batch_missing batch 3']],
    [
      'DELETE FROM audit_batches WHERE number = 1; DELETE FROM security_events WHERE seq = 1',
      ['batch_missing batch 2'],
    ],
    ['UPDATE audit_chain SET id = gen_random_uuid()', ['chain_broken batch 1', 'anchor_invalid batch 6']],
    [`UPDATE audit_anchors SET signature = sha512('mine')`, ['anchor_invalid batch 6']],
    [`UPDATE audit_anchors SET public_key = sha256('mine')`, ['anchor_invalid batch 6']],
    [
      'DELETE FROM audit_batches WHERE number >= 6; DELETE FROM security_events WHERE seq > 13',
      ['changed 11', 'changed 12', 'changed 13', 'cut_off batch 6'],
    ],
  ]
  for (const [statements, expected] of cases) {
    const tamper = async (sql: Sql) => {
      for (const statement of statements.split('; ')) await sql.unsafe(statement)
    }
    t.same(await findingsAfter(owner, tamper), expected, statements)
  }
})

t.test('who makes the chain anew from the change on has no signature for it', async (t) => {
  const forge = async (sql: Sql) => {
    await sql`UPDATE security_events SET ip = '198.51.100.1' WHERE seq = 9`
    const batches = await sql<
      { number: bigint }[]
    >`SELECT number FROM audit_batches WHERE number >= 3 ORDER BY number`
    await sql`CREATE TEMP TABLE old ON COMMIT DROP AS SELECT * FROM audit_batches WHERE number >= 3`
    await sql`DELETE FROM audit_batches WHERE number >= 3`
    await sql`
      UPDATE old SET digests = (
        SELECT string_agg(security_event_digest(id, occurred_at, type, severity, user_id, actor_id, session_id, ip, user_agent,
          request_id, trace_id, data, salt), ''::bytea ORDER BY seq) FROM security_events WHERE seq BETWEEN 8 AND 10)
      WHERE number = 3`
    for (const { number } of batches)
      await sql`
        SELECT append_audit_batch(head.number, head.hash, kind, old.last_seq, events, digests, months, seqs, pseudonym, stored_at)
        FROM old, audit_head() AS head WHERE old.number = ${number}`
  }
  t.same(await findingsAfter(owner, forge), ['anchor_invalid batch 6'])
  const withoutAnchors = async (sql: Sql) => {
    await forge(sql)
    await sql`DELETE FROM audit_anchors`
  }
  t.same(await findingsAfter(owner, withoutAnchors), [], 'what nothing was kept of elsewhere proves nothing')
  t.same(await findingsAfter(owner, withoutAnchors, { anchors: [kept] }), ['anchor_invalid batch 6'])
})

t.test('a log that was cut off behind its last anchor is found by the anchor that was kept', async (t) => {
  const cutOff = async (sql: Sql) => {
    await sql`DELETE FROM audit_batches WHERE number >= 4`
    await sql`DELETE FROM audit_anchors`
    await sql`DELETE FROM security_events WHERE seq > 10`
  }
  t.same(await findingsAfter(owner, cutOff), [])
  t.same(await findingsAfter(owner, cutOff, { anchors: [kept] }), ['cut_off batch 6'])
  const foreign = { ...kept, chainId: newId() }
  t.same(await findingsAfter(owner, () => Promise.resolve(), { anchors: [foreign] }), [
    'anchor_invalid batch 6',
    'anchor_invalid',
  ])
})

t.test('nobody is put under a pseudonym who did not leave', async (t) => {
  const blank = async (sql: Sql) => {
    await sql`INSERT INTO erasures (user_id, due_at) VALUES (${userId}, now())`
    await sql`SELECT pseudonymise_events(${userId}, 100)`
    await sql`DELETE FROM erasures WHERE user_id = ${userId}`
  }
  t.same(await findingsAfter(owner, blank), ['unfounded_pseudonym batch 9'])
})

t.test('what is stored long after it happened is told', async (t) => {
  const store = (days: number) => (sql: Sql) =>
    storeOne(sql, new Date(Date.now() - days * 86_400_000).toISOString())
  t.same(await findingsAfter(owner, store(6)), [], 'as after an outage')
  t.same(await findingsAfter(owner, store(8)), ['back_dated 17'])
  t.same(await findingsAfter(owner, store(-2)), ['back_dated 17'])
  t.same(await findingsAfter(owner, store(8), { maxDelayDays: 9 }), [])
})

t.test(
  'after a change of AUTH_SECRET the old signatures prove nothing, and the next one vouches for all',
  async (t) => {
    const changed = createKeyring('another secret of thirty-two bytes', null)
    t.match(await verifyLog({ sql: worker, keyring: changed }), {
      findingCount: 0,
      signedSeq: 0n,
      anchors: 1,
    })
    await anchorHead({ sql: worker, keyring: changed })
    t.match(await verifyLog({ sql: worker, keyring: changed }), {
      findingCount: 0,
      signedSeq: 16n,
      anchors: 2,
    })
  },
)

async function storeOne(sql: Sql, occurredAt: string): Promise<void> {
  await sql`
    INSERT INTO outbox (id, occurred_at, type, severity) VALUES (${newId()}, ${occurredAt}, ${eventOf(userId).type}, 'info')`
  await moveOutboxRows(sql, 10)
}
