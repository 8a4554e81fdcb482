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
  const settings = { JWKS_URL: `${api.url}/.well-known/jwks.json`, REDIS_URL: stand.redis.url }
  const floor = await stand.startFloor('read', settings)
  const refreshTokens = await mintRefreshTokens(stand, signedIn)
  const values = await Promise.all(refreshTokens.map((token) => requestAccessToken(api.url, token)))

  const shape = { kind: 'bearer' as const, values, connections, seconds }
  const [ours, looked, verified] = await compare(
    [
      { who: 'Latchkey', pid: api.pid, load: () => ({ ...shape, url: api.url + mePath }) },
      { who: 'floor', pid: floor.pid, load: () => ({ ...shape, url: `${floor.url}/me` }) },
      { who: 'verification alone', pid: floor.pid, load: () => ({ ...shape, url: `${floor.url}/verify` }) },
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
      note: ratioNote(ours, looked),
    },
    { work: '', who: 'floor: Fastify, ES256 verification, EXISTS, SELECT', ...looked, statements: 1 },
    { work: '', who: 'floor: Fastify, ES256 verification', ...verified, statements: 0 },
  ]
}
