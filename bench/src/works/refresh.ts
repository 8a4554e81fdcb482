import { compare } from '../measure.js'
import type { Options } from '../options.js'
import { ratioNote, type Row } from '../report.js'
import { requestAccessToken, refreshPath } from '../requests.js'
import { createFloorSessions, mintRefreshTokens, seedUsers } from '../seed.js'
import type { Stand } from '../stand.js'
import { countStatements } from '../statements.js'

/** POST /refresh, each time with the newest token of a session. */
export async function benchRefresh(
  stand: Stand,
  { sessions, runs, seconds, connections }: Options,
  progress: (text: string) => void,
): Promise<Row[]> {
  progress(`making ${sessions} sessions`)
  await seedUsers(stand, sessions, 'unused')
  await createFloorSessions(stand)
  const api = await stand.startApi()
  const floor = await stand.startFloor('tokens')

  const shape = { kind: 'refresh' as const, connections, seconds }
  const [ours, least] = await compare(
    [
      {
        who: 'Latchkey',
        pid: api.pid,
        load: async () => ({
          ...shape,
          url: api.url + refreshPath,
          values: await mintRefreshTokens(stand, sessions),
        }),
      },
      {
        who: 'floor',
        pid: floor.pid,
        load: async () => ({
          ...shape,
          url: `${floor.url}/refresh`,
          values: await listFloorTokens(stand, sessions),
        }),
      },
    ],
    { runs, postgresPid: stand.postgres.pid, progress },
  )

  progress('counting statements')
  const tokens = await mintRefreshTokens(stand, 101)
  const statements = await countStatements(stand, 100, async (turn) => {
    await requestAccessToken(api.url, tokens[turn] ?? '')
  })
  await api.stop() // its connections hand in their last statistics when they end
  await floor.stop()
  const heapOnly = await readHeapOnlyShare(stand)
  await stand.sql`DROP TABLE floor_sessions`
  return [
    {
      work: 'refresh',
      who: 'Latchkey',
      ...ours,
      statements,
      note: `${ratioNote(ours, least)}; ${(heapOnly * 100).toFixed(1)} % of updates heap-only`,
    },
    { work: '', who: 'floor: Fastify, one UPDATE, one ES256 signature', ...least, statements: 1 },
  ]
}

async function listFloorTokens({ sql }: Stand, limit: number): Promise<string[]> {
  const rows = await sql<
    { token: string }[]
  >`SELECT id || ':' || generation AS token FROM floor_sessions LIMIT ${limit}`
  return rows.map(({ token }) => token)
}

async function readHeapOnlyShare({ sql }: Stand): Promise<number> {
  const [row] = await sql<{ share: number }[]>`
    SELECT n_tup_hot_upd::float8 / n_tup_upd AS share FROM pg_stat_user_tables WHERE relname = 'sessions'`
  return row?.share ?? Number.NaN
}
