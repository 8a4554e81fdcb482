import { newClientSecret } from '@latchkey/platform/service-clients/client-secret'
import { compare } from '../measure.js'
import type { Options } from '../options.js'
import { ratioNote, type Row } from '../report.js'
import { introspectPath, requestAccessToken } from '../requests.js'
import { mintRefreshTokens, seedUsers } from '../seed.js'
import type { Stand } from '../stand.js'
import { countStatements } from '../statements.js'

const signedIn = 64

/** POST /oauth2/introspect of access tokens: who asks, the signature, whether the session is revoked. */
export async function benchIntrospection(
  stand: Stand,
  { runs, seconds, connections }: Options,
  progress: (text: string) => void,
): Promise<Row[]> {
  await seedUsers(stand, signedIn, 'unused')
  const api = await stand.startApi()
  const settings = { JWKS_URL: `${api.url}/.well-known/jwks.json`, REDIS_URL: stand.redis.url }
  const floor = await stand.startFloor('read', settings)
  const authorization = await makeClient(stand)
  const refreshTokens = await mintRefreshTokens(stand, signedIn)
  const values = await Promise.all(refreshTokens.map((token) => requestAccessToken(api.url, token)))

  const shape = { values, connections, seconds }
  const url = api.url + introspectPath
  const [ours, verified] = await compare(
    [
      {
        who: 'Latchkey',
        pid: api.pid,
        load: () => ({ ...shape, kind: 'introspect' as const, authorization, url }),
      },
      {
        who: 'verification alone',
        pid: floor.pid,
        load: () => ({ ...shape, kind: 'bearer' as const, url: `${floor.url}/verify` }),
      },
    ],
    { runs, postgresPid: stand.postgres.pid, progress },
  )
  progress('counting statements')
  const statements = await countStatements(stand, 100, async (turn) => {
    const body = new URLSearchParams({ token: values[turn % signedIn] ?? '' })
    const answer = await fetch(url, { method: 'POST', headers: { authorization }, body })
    const { active } = (await answer.json()) as { active: boolean }
    if (!active) throw new Error('a token of the bench is not active')
  })
  await api.stop()
  await floor.stop()
  return [
    {
      work: 'introspection',
      who: 'Latchkey, POST /oauth2/introspect',
      ...ours,
      statements,
      note: ratioNote(ours, verified),
    },
    { work: '', who: 'floor: Fastify, ES256 verification', ...verified, statements: 0 },
  ]
}

async function makeClient({ sql }: Stand): Promise<string> {
  const { secret, hash } = newClientSecret()
  const [row] = await sql<{ id: string }[]>`
    INSERT INTO service_clients (id, name, secret_hash, scopes)
    VALUES (uuid_v7(), 'bench', ${hash}, '{introspect}') RETURNING id`
  return `Basic ${Buffer.from(`${row?.id ?? ''}:${secret}`).toString('base64')}`
}
