import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createReadStream, createWriteStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { cpuSecondsOfTree } from '../cpu.js'
import { median } from '../measure.js'
import type { Options } from '../options.js'
import type { Row } from '../report.js'
import { runProgram } from '../service-process.js'
import type { Stand } from '../stand.js'

/** Users for each session of the other works: enough that indexes have some depth. */
const usersPerSession = 10

interface Sample {
  rowsPerSecond: number
  postgresCpuUs: number
}

interface Person {
  id: string
  email: string
  username: string
  name: string
  passwordHash: string
}

/** `npm run users:import` of users with credentials, beside COPY of the same rows into tables with the same indexes. */
export async function benchImport(
  stand: Stand,
  { sessions, runs }: Options,
  progress: (text: string) => void,
): Promise<Row[]> {
  const { sql, postgres, env } = stand
  const total = sessions * usersPerSession
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-import-'))
  const files = ['people.jsonl', 'users.copy', 'credentials.copy'].map((name) => join(folder, name))
  const [people = '', users = '', credentials = ''] = files
  try {
    progress(`writing ${total} users`)
    const ids = Array.from({ length: total }, newId)
    const write = (file: string, line: (person: Person) => string) =>
      pipeline(Readable.from(linesOf(ids, line)), createWriteStream(file))
    await write(people, ({ email, username, name, passwordHash }) =>
      JSON.stringify({ email, username, name, passwordHash }),
    )
    await write(users, ({ id, email, username, name }) => [id, email, username, name].join('\t'))
    await write(credentials, ({ id, passwordHash }) => [id, passwordHash].join('\t'))
    await sql`CREATE TABLE floor_users (LIKE users INCLUDING ALL) WITH (fillfactor = 90)`
    await sql`CREATE TABLE floor_credentials (LIKE credentials INCLUDING ALL)`
    await sql`ALTER TABLE floor_credentials ADD FOREIGN KEY (user_id) REFERENCES floor_users ON DELETE CASCADE`

    const measure = async (add: () => Promise<unknown>): Promise<Sample> => {
      await sql`TRUNCATE users, floor_users CASCADE`
      await sql`CHECKPOINT`
      const before = { cpu: cpuSecondsOfTree(postgres.pid), ms: performance.now() }
      await add()
      const seconds = (performance.now() - before.ms) / 1000
      return {
        rowsPerSecond: total / seconds,
        postgresCpuUs: ((cpuSecondsOfTree(postgres.pid) - before.cpu) * 1e6) / total,
      }
    }
    const copyAll = async () => {
      await copy(users, await sql`COPY floor_users (id, email, username, name) FROM STDIN`.writable())
      await copy(
        credentials,
        await sql`COPY floor_credentials (user_id, password_hash) FROM STDIN`.writable(),
      )
    }
    const importAll = async () => {
      const printed = await runProgram('services/worker/dist/commands/import-users.js', env, [people])
      if (!printed.startsWith(`imported ${total}, there already 0, rejected 0`))
        throw new Error(`the import said: ${printed}`)
    }

    const ours: Sample[] = []
    const least: Sample[] = []
    for (let run = 1; run <= runs; run += 1) {
      progress(`run ${run} of ${runs}: Latchkey`)
      ours.push(await measure(importAll))
      progress(`run ${run} of ${runs}: floor`)
      least.push(await measure(copyAll))
    }
    const [mine, floor] = [medianSample(ours), medianSample(least)]
    const rate = ({ rowsPerSecond }: Sample) => `${Math.round(rowsPerSecond).toLocaleString('en-US')} users/s`
    return [
      {
        work: `import of ${total} users`,
        who: 'Latchkey, npm run users:import',
        postgresCpuUs: mine.postgresCpuUs,
        note: `${rate(mine)}, ${(mine.rowsPerSecond / floor.rowsPerSecond).toFixed(2)}× the floor's rate`,
      },
      {
        work: '',
        who: 'floor: COPY of users, COPY of credentials',
        postgresCpuUs: floor.postgresCpuUs,
        note: rate(floor),
      },
    ]
  } finally {
    await sql`DROP TABLE IF EXISTS floor_credentials, floor_users`
    await rm(folder, { recursive: true })
  }
}

function copy(file: string, table: NodeJS.WritableStream): Promise<void> {
  return pipeline(createReadStream(file), table)
}

/** In an order of e-mails that no index likes, as an export has it. */
function* linesOf(ids: readonly string[], line: (person: Person) => string): Generator<string> {
  for (const [index, id] of ids.entries()) {
    const noise = createHash('sha256').update(id).digest('hex')
    const person = {
      id,
      email: `${noise.slice(0, 12)}@bench.example`,
      username: `person-${index}`,
      name: `Person ${noise.slice(0, 8)}`,
      passwordHash: `$2b$10$${noise.slice(0, 53)}`,
    }
    yield `${line(person)}\n`
  }
}

function medianSample(samples: readonly Sample[]): Sample {
  return {
    rowsPerSecond: median(samples.map(({ rowsPerSecond }) => rowsPerSecond)),
    postgresCpuUs: median(samples.map(({ postgresCpuUs }) => postgresCpuUs)),
  }
}
