// Property: whoever writes at once, events have places without gaps in the order of commits; months go as a whole, and only when they may.
// Alone: it starts servers and processes of its own.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createTestDatabase } from '@latchkey/devstack/testing/database'
import { verifyLog } from '@latchkey/platform/audit-chain/verify-log'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Sql } from '@latchkey/platform/database/client'
import { migrate } from '@latchkey/platform/database/migrate'
import { persistSecurityEvents } from '@latchkey/platform/security-events/persist-security-events'
import { moveOutboxRows } from '@latchkey/platform/security-events/queries'
import { eventOf, findingsAfter, keyring, storeBatches } from './support/audit-log.js'
import { codeOf } from './support/database.js'
import { addMigrations } from './support/migration-folder.js'
import { connectTestDatabase } from './support/pipeline.js'

const database = await createTestDatabase(t)
const { owner } = database
const worker = connectTestDatabase(t, database.url, 'latchkey_worker')
const userId = newId()

t.test('six writers with the same events: each is stored once, and a reader never misses one', async (t) => {
  const batches = Array.from({ length: 12 }, (_, size) =>
    Array.from({ length: 1 + size * 3 }, () => eventOf(userId)),
  )
  const total = batches.flat().length
  const writers = [connectTestDatabase(t, database.url, 'latchkey_worker'), worker]
  const seen: bigint[] = []
  const reading = (async () => {
    while (seen.length < total) {
      const rows = await owner<{ seq: bigint }[]>`
        SELECT seq FROM security_events WHERE seq > ${seen.at(-1) ?? 0n} ORDER BY seq LIMIT 7`
      seen.push(...rows.map(({ seq }) => seq))
    }
  })()
  // Each batch three times, in three orders.
  const work = [
    batches,
    batches.toReversed(),
    batches.toSorted((a, b) => ((a[0]?.id ?? '') < (b[0]?.id ?? '') ? 1 : -1)),
  ]
  await Promise.all(
    writers.flatMap((sql) =>
      work.map(async (order) => {
        for (const events of order) await persistSecurityEvents(sql, events)
      }),
    ),
  )
  await reading
  t.same(
    seen,
    Array.from({ length: total }, (_, index) => BigInt(index + 1)),
  )
  t.match(await verifyLog({ sql: worker, keyring }), {
    findingCount: 0,
    events: BigInt(total),
    lastBatch: 12n,
  })
})

t.test('one event twice in a batch, and a batch of none', async (t) => {
  const event = eventOf(userId)
  const before = await verifyLog({ sql: worker, keyring })
  t.match(await persistSecurityEvents(worker, [event, event]), { stored: [{ count: 1 }] })
  t.match(await persistSecurityEvents(worker, [event]), { stored: [] })
  t.match(await moveOutboxRows(worker, 10), { moved: 0, stored: [] })
  t.match(await verifyLog({ sql: worker, keyring }), { findingCount: 0, events: before.events + 1n })
})

t.test('events that were there before the chain are in it, in the order of their storing', async (t) => {
  const { url, owner: db } = await createTestDatabase(t, { isEmpty: true })
  const folder = await addMigrations(t, {})
  for (const file of await readdir(folder)) if (file >= '0025') await rm(join(folder, file))
  await migrate(url, { folder })
  await db`
    INSERT INTO security_events (id, occurred_at, type, severity, ip, data, recorded_at)
    SELECT uuid_v7(), now() - make_interval(hours => n), 'login.failed', 'notice', '203.0.113.7', jsonb_build_object('n', n),
      now() - make_interval(hours => n / 10)
    FROM generate_series(1, 1000) AS n`
  await migrate(url)
  t.match(await verifyLog({ sql: db, keyring }, { maxDelayDays: 60 }), {
    findings: [],
    events: 1000n,
    lastBatch: 101n,
  })
  t.same(
    await db`SELECT bool_and(later.recorded_at >= e.recorded_at) AS is_ordered
    FROM security_events e JOIN security_events later ON later.seq = e.seq + 1`,
    [{ isOrdered: true }],
  )
  await storeBatches(connectTestDatabase(t, url, 'latchkey_worker'), userId, [3])
  t.match(await verifyLog({ sql: db, keyring }, { maxDelayDays: 60 }), {
    findings: [],
    events: 1003n,
    lastBatch: 102n,
  })
})

t.test('months that are over go, oldest first, and the log knows', async (t) => {
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString()
  for (const days of [200, 160])
    await owner`SELECT create_security_events_partition(${daysAgo(days)}::timestamptz)`
  // Stored today: of one batch some events are of a month that goes, and one had no month at all.
  await persistSecurityEvents(
    worker,
    [200, 160, 0, 200, 340].map((days) => eventOf(userId, daysAgo(days))),
  )
  const drop = async (days: number) => {
    const [row] = await worker<
      { name: string | null }[]
    >`SELECT drop_expired_security_events(${days}) AS name`
    return row?.name ?? null
  }
  const untold = async (sql: Sql) => {
    const [row] = await sql<{ name: string }[]>`SELECT tableoid::regclass::text AS name FROM security_events
      WHERE occurred_at < now() - interval '190 days' AND tableoid <> 'security_events_default'::regclass LIMIT 1`
    await sql.unsafe(`DROP TABLE ${row?.name}`)
  }
  const { lastSeq } = await verifyLog({ sql: worker, keyring })
  const [first, second] = [lastSeq - 3n, lastSeq] // ids are in the order of making
  const options = { maxDelayDays: 400 }
  t.same(
    await findingsAfter(owner, untold, options),
    [first - 1n, second - 1n].map((seq) => `missing ${seq}`),
  )
  const lie = (sql: Sql) => sql`
    INSERT INTO outbox (type, severity, data) VALUES ('audit.partition_dropped', 'notice', '{"before": "2100-01-01T00:00:00", "keptFrom": 9}')`
  t.match(
    await findingsAfter(
      owner,
      async (sql) => {
        await untold(sql)
        await lie(sql)
      },
      options,
    ),
    [/^missing/, /^missing/],
    'nothing young is said to be dropped',
  )

  t.equal(await codeOf(worker`SELECT drop_expired_security_events(29)`), '22023')
  t.equal(await codeOf(worker`SELECT drop_expired_security_events(NULL)`), '22023')
  t.equal(await drop(365), null)
  t.match(await drop(150), /^security_events_\d{4}_\d\d$/)
  t.match(
    await verifyLog({ sql: worker, keyring }, options),
    { findingCount: 0, droppedBefore: Date },
    'told before it is stored',
  )
  await moveOutboxRows(worker, 10)
  t.match(await verifyLog({ sql: worker, keyring }, options), { findingCount: 0 })
  t.equal(await drop(190), null)
  t.match(await drop(100), /^security_events_\d{4}_\d\d$/)
  t.equal(await drop(30), null, 'this month and those to come stay')
  await moveOutboxRows(worker, 10)
  t.match(await verifyLog({ sql: worker, keyring }, options), { findingCount: 0 })
})

t.test('the chain is cut where nothing is left of it, and begins there', async (t) => {
  // As if all before the last three batches had been of a month that went.
  await storeBatches(worker, userId, [1, 2, 1])
  const [row] = await owner<{ number: bigint; lastSeq: bigint }[]>`
    SELECT number, last_seq FROM audit_batches ORDER BY number DESC OFFSET 3 LIMIT 1`
  const { number, lastSeq } = row ?? { number: 0n, lastSeq: 0n }
  await owner`UPDATE audit_chain SET kept_from = ${number + 1n}`
  await owner`DELETE FROM security_events WHERE seq <= ${lastSeq}`
  const [last] = await owner<{ trimmed: number }[]>`SELECT trim_audit_chain(5) AS trimmed`
  t.same(last, { trimmed: 5 })
  await worker`SELECT trim_audit_chain(1000)`
  t.same(await owner`SELECT min(number) AS number FROM audit_batches`, [{ number: number + 1n }])
  t.same(
    await findingsAfter(owner, () => Promise.resolve()),
    [`batch_missing batch ${number + 1n}`],
    'nobody told of it',
  )
  const tell = (sql: Sql) =>
    sql.unsafe(`
    INSERT INTO outbox (type, severity, occurred_at, data) VALUES ('audit.partition_dropped', 'notice', now(),
      jsonb_build_object('before', (now() - interval '90 days') AT TIME ZONE 'UTC', 'keptFrom', ${number + 1n}))`)
  t.same(await findingsAfter(owner, tell), [])
})
