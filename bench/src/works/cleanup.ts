import { cpuSecondsOfTree } from '../cpu.js'
import { median } from '../measure.js'
import type { Options } from '../options.js'
import type { Row } from '../report.js'
import { seedUsers } from '../seed.js'
import { runProgram } from '../service-process.js'
import type { Stand } from '../stand.js'

const batchSize = 5000
/** One session in five has expired, spread over the whole table. */
const sessionsPerUser = 10

interface Sample {
  rowsPerSecond: number
  postgresCpuUs: number
}

/** `npm run tokens:clean` on a table of which a fifth has expired. */
export async function benchCleanup(
  stand: Stand,
  { sessions, runs }: Options,
  progress: (text: string) => void,
): Promise<Row[]> {
  const { sql, postgres, env } = stand
  const total = sessions * sessionsPerUser
  progress(`making ${total} sessions`)
  await seedUsers(stand, sessions, 'unused')
  await sql`
    CREATE UNLOGGED TABLE all_sessions AS
    SELECT uuid_v7() AS id, users.id AS user_id,
      now() + CASE WHEN i % 5 = 0 THEN interval '-1 hour' ELSE interval '7 days' END AS idle_expires_at,
      now() + interval '30 days' AS absolute_expires_at
    FROM generate_series(1, ${sessionsPerUser}::int) i, users`
  await sql`CREATE TABLE floor_sessions (LIKE sessions INCLUDING ALL) WITH (fillfactor = 80)`

  const expired = total / 5
  const measure = async (
    table: 'sessions' | 'floor_sessions',
    clean: () => Promise<number>,
  ): Promise<Sample> => {
    await sql`TRUNCATE ${sql(table)}`
    await sql`
      INSERT INTO ${sql(table)} (id, user_id, idle_expires_at, absolute_expires_at)
      SELECT id, user_id, idle_expires_at, absolute_expires_at FROM all_sessions`
    await sql`VACUUM ANALYZE ${sql(table)}`
    const before = cpuSecondsOfTree(postgres.pid)
    const seconds = await clean()
    const cpu = cpuSecondsOfTree(postgres.pid) - before
    return { rowsPerSecond: expired / seconds, postgresCpuUs: (cpu * 1e6) / expired }
  }

  const ours: Sample[] = []
  const least: Sample[] = []
  for (let run = 1; run <= runs; run += 1) {
    progress(`run ${run} of ${runs}: Latchkey`)
    ours.push(
      await measure('sessions', async () => {
        const settings = { ...env, TOKEN_CLEANUP_BATCH_SIZE: String(batchSize) }
        return readSeconds(
          await runProgram('services/worker/dist/commands/clean-expired-tokens.js', settings),
          expired,
        )
      }),
    )
    progress(`run ${run} of ${runs}: floor`)
    least.push(await measure('floor_sessions', () => deletePlainly(stand)))
  }
  await sql`DROP TABLE all_sessions, floor_sessions`
  const [mine, floor] = [medianSample(ours), medianSample(least)]
  const rate = ({ rowsPerSecond }: Sample) => `${Math.round(rowsPerSecond).toLocaleString('en-US')} rows/s`
  return [
    {
      work: `cleanup, ${expired} of ${total}`,
      who: 'Latchkey, npm run tokens:clean',
      postgresCpuUs: mine.postgresCpuUs,
      note: `${rate(mine)}, ${(mine.rowsPerSecond / floor.rowsPerSecond).toFixed(2)}× the floor's rate`,
    },
    {
      work: '',
      who: `floor: DELETE … LIMIT ${batchSize}`,
      postgresCpuUs: floor.postgresCpuUs,
      note: rate(floor),
    },
  ]
}

function readSeconds(printed: string, expired: number): number {
  const [, deleted, milliseconds] = /deleted (\d+) expired .* in (\d+) ms/.exec(printed) ?? []
  if (Number(deleted) !== expired) throw new Error(`the cleanup said: ${printed}`)
  return Number(milliseconds) / 1000
}

async function deletePlainly({ sql }: Stand): Promise<number> {
  const startedAt = performance.now()
  for (let rows = batchSize; rows === batchSize;) {
    const result = await sql`
      DELETE FROM floor_sessions WHERE id IN (
        SELECT id FROM floor_sessions WHERE idle_expires_at <= now() LIMIT ${batchSize} FOR UPDATE SKIP LOCKED)`
    rows = result.count
  }
  return (performance.now() - startedAt) / 1000
}

function medianSample(samples: readonly Sample[]): Sample {
  return {
    rowsPerSecond: median(samples.map(({ rowsPerSecond }) => rowsPerSecond)),
    postgresCpuUs: median(samples.map(({ postgresCpuUs }) => postgresCpuUs)),
  }
}
