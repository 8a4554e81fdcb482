import { eventsPerJob, persistSecurityEventsJob, queueNames } from '@latchkey/contracts/queues'
import { waitFor } from '@latchkey/devstack/wait-for'
import { loadConfig } from '@latchkey/platform/config/config'
import { createLogger } from '@latchkey/platform/logging/logger'
import { createMetrics } from '@latchkey/platform/metrics/metrics'
import { createQueue, queueCounts } from '@latchkey/platform/queue/queues'
import { connectRedis } from '@latchkey/platform/redis/client'
import { newSecurityEvent, type SecurityEvent } from '@latchkey/platform/security-events/security-event'
import { cpuSecondsOf, cpuSecondsOfTree } from '../cpu.js'
import { median } from '../measure.js'
import type { Options } from '../options.js'
import type { Row } from '../report.js'
import type { Stand } from '../stand.js'

const jobs = 100
const total = jobs * eventsPerJob
/** As many as the worker's WORKER_CONCURRENCY lets run at once by default. */
const writers = 5

interface Sample {
  eventsPerSecond: number
  serverCpuUs: number
  postgresCpuUs: number
}

/** Failed sign-ins on their way from the queue to `security_events`, by one worker. */
export async function benchEvents(
  stand: Stand,
  { runs }: Options,
  progress: (text: string) => void,
): Promise<Row[]> {
  const { sql, postgres } = stand
  // The same rows and indexes, without a place and a salt.
  await sql`CREATE TABLE floor_events (LIKE security_events INCLUDING ALL)`
  await sql`ALTER TABLE floor_events DROP COLUMN seq, DROP COLUMN salt, DROP COLUMN amended_in`
  const config = { ...loadConfig(stand.env), logLevel: 'silent' as const }
  const redis = connectRedis(config, {
    name: 'bench',
    log: createLogger(config, 'worker'),
    metrics: createMetrics('worker'),
  })
  await waitFor(() => redis.isAvailable(), { what: 'Redis' })
  const queue = createQueue(queueNames.securityEvents, { config, redis })
  const worker = await stand.startWorker()

  const persist = async (batches: readonly SecurityEvent[][]): Promise<Sample> => {
    await sql`TRUNCATE security_events`
    await queue.pause()
    for (const events of batches) await queue.add(persistSecurityEventsJob, { events })
    const before = { worker: cpuSecondsOf(worker.pid), postgres: cpuSecondsOfTree(postgres.pid) }
    const startedAt = performance.now()
    await queue.resume()
    await waitFor(
      async () => {
        const { waiting, active } = await queueCounts(queue)
        return waiting + active === 0
      },
      { what: 'the worker to persist the events', deadlineMs: 60_000, everyMs: 5 },
    )
    const seconds = (performance.now() - startedAt) / 1000
    const used = {
      worker: cpuSecondsOf(worker.pid) - before.worker,
      postgres: cpuSecondsOfTree(postgres.pid) - before.postgres,
    }
    const [row] = await sql<{ count: number }[]>`SELECT count(*)::int AS count FROM security_events`
    if (row?.count !== total) throw new Error(`${String(row?.count)} of ${total} events were persisted`)
    return sampleOf(seconds, used.worker, used.postgres)
  }

  const insert = async (batches: readonly SecurityEvent[][]): Promise<Sample> => {
    await sql`TRUNCATE floor_events`
    const before = { cpu: process.cpuUsage(), postgres: cpuSecondsOfTree(postgres.pid) }
    const startedAt = performance.now()
    const left = [...batches]
    const write = async () => {
      for (let events = left.pop(); events !== undefined; events = left.pop())
        await insertPlainly(floorSql, events)
    }
    await Promise.all(Array.from({ length: writers }, write))
    const seconds = (performance.now() - startedAt) / 1000
    const { user, system } = process.cpuUsage(before.cpu)
    return sampleOf(seconds, (user + system) / 1e6, cpuSecondsOfTree(postgres.pid) - before.postgres)
  }
  const floorSql = stand.connect(writers)

  const ours: Sample[] = []
  const least: Sample[] = []
  for (let run = 0; run <= runs; run += 1) {
    progress(run === 0 ? 'warming up' : `run ${run} of ${runs}`)
    const mine = await persist(makeBatches())
    const floor = await insert(makeBatches())
    if (run === 0) continue
    ours.push(mine)
    least.push(floor)
  }
  await worker.stop()
  await queue.close()
  await redis.close()
  await floorSql.end()
  await sql`DROP TABLE floor_events`

  const [mine, floor] = [medianSample(ours), medianSample(least)]
  const rate = ({ eventsPerSecond }: Sample) =>
    `${Math.round(eventsPerSecond).toLocaleString('en-US')} events/s`
  return [
    {
      work: 'security events',
      who: 'Latchkey, one worker, through the queue',
      serverCpuUs: mine.serverCpuUs,
      postgresCpuUs: mine.postgresCpuUs,
      note: `${rate(mine)}, ${(mine.eventsPerSecond / floor.eventsPerSecond).toFixed(2)}× the floor's rate`,
    },
    {
      work: '',
      who: `floor: INSERT of ${eventsPerJob} rows, ${writers} at once`,
      serverCpuUs: floor.serverCpuUs,
      postgresCpuUs: floor.postgresCpuUs,
      note: rate(floor),
    },
  ]
}

function makeBatches(): SecurityEvent[][] {
  return Array.from({ length: jobs }, () =>
    Array.from({ length: eventsPerJob }, () =>
      newSecurityEvent('login.failed', {
        ip: '203.0.113.7',
        userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36',
        requestId: '01890a5d-ac96-774b-bcce-b302099a8057',
        data: { reason: 'password' },
      }),
    ),
  )
}

/** What a worker could do at best: JSON to rows, with nothing checked and nothing left out. */
async function insertPlainly(sql: Stand['sql'], events: readonly SecurityEvent[]): Promise<void> {
  const rows = events.map((event) => ({
    id: event.id,
    occurred_at: event.occurredAt,
    type: event.type,
    severity: event.severity,
    ip: event.ip,
    user_agent: event.userAgent,
    request_id: event.requestId,
    data: event.data,
  }))
  await sql`
    INSERT INTO floor_events (id, occurred_at, type, severity, ip, user_agent, request_id, data)
    SELECT * FROM json_to_recordset(${JSON.stringify(rows)}::text::json)
      AS row(id uuid, occurred_at timestamptz, type text, severity text, ip inet, user_agent text, request_id text, data jsonb)`
}

function sampleOf(seconds: number, serverSeconds: number, postgresSeconds: number): Sample {
  return {
    eventsPerSecond: total / seconds,
    serverCpuUs: (serverSeconds * 1e6) / total,
    postgresCpuUs: (postgresSeconds * 1e6) / total,
  }
}

function medianSample(samples: readonly Sample[]): Sample {
  const of = (name: keyof Sample) => median(samples.map((sample) => sample[name]))
  return {
    eventsPerSecond: of('eventsPerSecond'),
    serverCpuUs: of('serverCpuUs'),
    postgresCpuUs: of('postgresCpuUs'),
  }
}
