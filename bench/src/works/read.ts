import { compare } from '../measure.js'
import type { Options } from '../options.js'
import { ratioNote, type Row } from '../report.js'
import { mePath, requestAccessToken } from '../requests.js'
import { mintRefreshTokens, seedUsers } from '../seed.js'
import type { Stand } from '../stand.js'
import { countStatements } from '../statements.js'

const signedIn = 64

/** GET /me: the signature, whether the session is revoked, and one row. */
export async function benchRead(
  stand: Stand,
  { runs, seconds, connections }: Options,
  progress: (text: string) => void,
): Promise<Row[]> {
  await seedUsers(stand, signedIn, 'unused')
  const api = await stand.startApi()
  const floor = await stand.startFloor('verify', { JWKS_URL: `${api.url}/.well-known/jwks.json` })
  const refreshTokens = await mintRefreshTokens(stand, signedIn)
  const values = await Promise.all(refreshTokens.map((token) => requestAccessToken(api.url, token)))

  const shape = { kind: 'bearer' as const, values, connections, seconds }
  const [ours, least] = await compare(
    [
      { who: 'Latchkey', pid: api.pid, load: () => ({ ...shape, url: api.url + mePath }) },
      { who: 'floor', pid: floor.pid, load: () => ({ ...shape, url: floor.url }) },
    ],
    { runs, postgresPid: stand.postgres.pid, progress },
  )
  progress('counting statements')
  const statements = await countStatements(stand, 100, async (turn) => {
    const authorization = `Bearer ${values[turn % signedIn] ?? ''}`
    const answer = await fetch(api.url + mePath, { headers: { authorization } })
    await answer.arrayBuffer()
  })
  await api.stop()
  await floor.stop()
  return [
    {
      work: 'authenticated read',
      who: 'Latchkey, GET /me',
      ...ours,
      statements,
      note: ratioNote(ours, least),
    },
    { work: '', who: 'floor: Fastify, one ES256 verification', ...least, statements: 0 },
  ]
}
