import argon2 from 'argon2'
import { compare, median } from '../measure.js'
import type { Options } from '../options.js'
import type { Row } from '../report.js'
import { loginPath, post } from '../requests.js'
import { listEmails, seedUsers } from '../seed.js'
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

/** POST /login with an all but free password hash, which is then taken off. */
export async function benchLogin(
  stand: Stand,
  { runs, seconds, connections }: Options,
  progress: (text: string) => void,
): Promise<Row[]> {
  const hash = await argon2.hash(password, { type: argon2.argon2id, ...cheap })
  await seedUsers(stand, people, hash)
  const emails = await listEmails(stand, people)
  const api = await stand.startApi(cheapSettings)
  const url = api.url + loginPath
  const [ours] = await compare(
    [
      {
        who: 'Latchkey',
        pid: api.pid,
        load: () => ({ kind: 'login' as const, url, values: emails, password, connections, seconds }),
      },
    ],
    { runs, postgresPid: stand.postgres.pid, progress },
  )
  progress('counting statements')
  const statements = await countStatements(stand, 50, async (turn) => {
    await post(url, { email: emails[turn], password })
  })
  await api.stop()
  progress('the hash alone')
  const hashUs = await measureHash(hash, runs)
  return [
    {
      work: 'login beyond the hash',
      who: 'Latchkey',
      ...ours,
      serverCpuUs: ours.serverCpuUs - hashUs,
      statements,
      note: 'the floor is taken off',
    },
    { work: '', who: 'floor: argon2 with the same settings', serverCpuUs: hashUs },
  ]
}

/** Processor microseconds of this process for one verification. */
async function measureHash(hash: string, runs: number): Promise<number> {
  const times = 500
  const measured: number[] = []
  for (let run = 0; run <= runs; run += 1) {
    const before = process.cpuUsage()
    for (let time = 0; time < times; time += 1) await argon2.verify(hash, password)
    const { user, system } = process.cpuUsage(before)
    if (run > 0) measured.push((user + system) / times)
  }
  return median(measured)
}
