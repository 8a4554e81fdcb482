import argon2 from 'argon2'
import { compare, median } from '../measure.js'
import type { Options } from '../options.js'
import { ratioNote, type Row } from '../report.js'
import { loginPath, post } from '../requests.js'
import { createFloorSessions, listEmails, seedUsers } from '../seed.js'
import type { Stand } from '../stand.js'
import { countStatements } from '../statements.js'

const password = 'correct horse battery staple'
const people = 500

/** A hash that costs next to nothing, so that the figure is what signing in costs beyond it. Production refuses these settings. */
const cheap = { memoryCost: 128, timeCost: 1, parallelism: 1 }
const cheapSettings = {
  NODE_ENV: 'development',
  ARGON2_MEMORY_KIB: '128',
  ARGON2_TIME: '1',
  ARGON2_PARALLELISM: '1',
}

const owasp = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** POST /login with an all but free password hash. auth-api hashes in a process of its own, which the figure leaves out. */
export async function benchLogin(
  stand: Stand,
  { runs, seconds, connections }: Options,
  progress: (text: string) => void,
): Promise<Row[]> {
  await seedUsers(stand, people, await argon2.hash(password, { type: argon2.argon2id, ...cheap }))
  await createFloorSessions(stand)
  const values = await listEmails(stand, people)
  const api = await stand.startApi(cheapSettings)
  const floor = await stand.startFloor('tokens')
  const shape = { kind: 'login' as const, values, password, connections, seconds }
  const [ours, least] = await compare(
    [
      { who: 'Latchkey', pid: api.pid, load: () => ({ ...shape, url: api.url + loginPath }) },
      { who: 'floor', pid: floor.pid, load: () => ({ ...shape, url: `${floor.url}/login` }) },
    ],
    { runs, postgresPid: stand.postgres.pid, progress },
  )
  progress('counting statements')
  const statements = await countStatements(stand, 50, async (turn) => {
    await post(api.url + loginPath, { email: values[turn], password })
  })
  await api.stop()
  await floor.stop()
  await stand.sql`DROP TABLE floor_sessions`
  progress('the hash itself')
  const hashMs = (await measureHashUs(runs)) / 1000
  return [
    {
      work: 'login beyond the hash',
      who: 'Latchkey',
      ...ours,
      statements,
      note: `${ratioNote(ours, least)}; the hash itself (19 MiB, t=2): ${hashMs.toFixed(1)} ms`,
    },
    { work: '', who: 'floor: Fastify, SELECT, INSERT, ES256 signature', ...least, statements: 2 },
  ]
}

/** Processor microseconds for one verification with the default settings. */
async function measureHashUs(runs: number): Promise<number> {
  const hash = await argon2.hash(password, { type: argon2.argon2id, ...owasp })
  const times = 10
  const measured: number[] = []
  for (let run = 0; run <= runs; run += 1) {
    const before = process.cpuUsage()
    for (let time = 0; time < times; time += 1) await argon2.verify(hash, password)
    const { user, system } = process.cpuUsage(before)
    if (run > 0) measured.push((user + system) / times)
  }
  return median(measured)
}
