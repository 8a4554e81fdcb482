import { listEvents } from '@latchkey/auth-api/features/admin/events/list-events'
import { verifyLog } from '@latchkey/platform/audit-chain/verify-log'
import { loadConfig } from '@latchkey/platform/config/config'
import { connectDatabase, type Database } from '@latchkey/platform/database/client'
import { cpuSecondsOfTree } from '../cpu.js'
import type { Options } from '../options.js'
import type { Row } from '../report.js'
import type { Stand } from '../stand.js'

const batchSize = 500
const batchesPerStatement = 100
const months = 6
const user = '01890a5d-0000-7000-8000-000000000007'
const address = '203.0.113.7'
const queriesEach = 20

/**
 * A log of some months: nearly all of it sign-ins of many users from many addresses, beside them one user with a thousand events, an attacker
 * with a tenth of all, and a type that is rare. What an admin asks of it, and what it takes to prove it.
 */
export async function benchAudit(
  stand: Stand,
  { events }: Options,
  progress: (text: string) => void,
): Promise<Row[]> {
  const { sql, postgres, env, keyring } = stand
  for (let month = 1; month <= months; month += 1)
    await sql`SELECT create_security_events_partition(now() - make_interval(months => ${month}))`
  const [before] = await sql<{ events: number }[]>`SELECT count(*)::int AS events FROM security_events`
  for (let stored = 0; stored < events; stored += batchSize * batchesPerStatement) {
    progress(`storing ${events.toLocaleString('en-US')} events: ${Math.floor((stored / events) * 100)} %`)
    await storeEvents(sql, stored, events)
  }
  await sql`VACUUM ANALYZE security_events, audit_batches`

  const config = loadConfig(env)
  const api = connectDatabase(config, { role: 'latchkey_api', pool: 'session', applicationName: 'bench' })
  const rows: Row[] = []
  const since = new Date(Date.now() - 90 * 86_400_000).toISOString()
  for (const [who, filter] of [
    ['the newest', {}],
    ['up to a day of months ago', { to: since }],
    ['of a user', { userId: user }],
    ['of an address with a tenth of all', { ip: address }],
    ['of an address with none', { ip: '2001:db8::1' }],
    ['of a rare type', { type: 'key.revoked' as const }],
    ['of a common type', { type: 'login.succeeded' as const, to: since }],
    ['alarming ones', { severity: 'critical' as const }],
    ['of a common severity', { severity: 'notice' as const }],
    ['of a common type from an address, together rare', { type: 'key.rotated' as const, ip: address }],
    ['of a user, of a type they have none of', { userId: user, type: 'key.rotated' as const }],
  ] as const) {
    progress(`reading: ${who}`)
    rows.push({ work: '', who, ...(await timeQueries(api, filter)) })
  }
  await api.end()

  const worker = connectDatabase(config, {
    role: 'latchkey_worker',
    pool: 'session',
    applicationName: 'bench',
  })
  const cpu = cpuSecondsOfTree(postgres.pid)
  const startedAt = performance.now()
  progress('audit:verify')
  const verification = await verifyLog({ sql: worker, keyring }, { maxDelayDays: 365 })
  const seconds = (performance.now() - startedAt) / 1000
  await worker.end()
  if (verification.findingCount > 0) throw new Error(verification.findings[0]?.detail)
  const count = Number(verification.events)
  const [first, ...others] = rows
  const title = `a page of the log, of ${(events + (before?.events ?? 0)).toLocaleString('en-US')} events`
  return [
    ...(first === undefined ? [] : [{ ...first, work: title }]),
    ...others,
    {
      work: 'audit:verify',
      who: `${count.toLocaleString('en-US')} events`,
      postgresCpuUs: ((cpuSecondsOfTree(postgres.pid) - cpu) * 1e6) / count,
      note: `${Math.round(count / seconds).toLocaleString('en-US')} events/s`,
    },
  ]
}

/** Through the function that all events go through, in the order of time. */
async function storeEvents(sql: Stand['sql'], from: number, total: number): Promise<void> {
  await sql.begin(async (transaction) => {
    await transaction`SET LOCAL synchronous_commit = off`
    await transaction`
      SELECT count(stored.id) FROM generate_series(${from}::int, ${from + batchSize * batchesPerStatement - 1}::int, ${batchSize}::int) AS start,
      LATERAL store_security_events((
        SELECT array_agg(ROW(
          uuid_v7(),
          now() - make_interval(months => ${months}) * (1 - n::float8 / ${total}::int),
          CASE WHEN n % 100000 = 7 THEN 'key.revoked' WHEN n % 3 = 0 THEN 'login.failed' ELSE 'login.succeeded' END,
          CASE WHEN n % 100000 = 7 THEN 'critical' WHEN n % 3 = 0 THEN 'notice' ELSE 'info' END,
          CASE WHEN n % ${Math.max(1, Math.floor(total / 1000))}::int = 0 THEN ${user}::uuid
            ELSE md5((n % 50000)::text)::uuid END,
          NULL, md5((n % 200000)::text)::uuid,
          CASE WHEN n % 10 = 0 THEN ${address}::inet ELSE '10.0.0.0'::inet + (n::bigint * 7919) % 16777216 END,
          'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36',
          '01890a5d-ac96-774b-bcce-b302099a8057', NULL, '{"reason": "password"}', NULL)::outbox)
        FROM generate_series(start, start + ${batchSize - 1}) AS n
      )) AS stored`
  })
}

/** The first pages, one after the other, as an admin reads on. */
async function timeQueries(
  sql: Database,
  filter: Parameters<typeof listEvents>[1],
): Promise<Pick<Row, 'p50Ms' | 'p99Ms' | 'note'>> {
  const times: number[] = []
  let cursor: string | undefined
  let found = 0
  for (let query = 0; query <= queriesEach; query += 1) {
    const startedAt = performance.now()
    const page = await listEvents({ sql }, cursor === undefined ? filter : { ...filter, cursor })
    if (query > 0) times.push(performance.now() - startedAt) // the first one prepares the statement
    found += page.events.length
    cursor = page.nextCursor ?? undefined
  }
  const sorted = times.toSorted((a, b) => a - b)
  return {
    p50Ms: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
    p99Ms: sorted.at(-1) ?? Number.NaN,
    note: `${found} found by ${queriesEach + 1} pages`,
  }
}
