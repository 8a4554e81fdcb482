/** The least that a refresh can be: bare Fastify, one UPDATE through postgres.js, one ES256 signature. */
import { generateKeyPairSync } from 'node:crypto'
import Fastify from 'fastify'
import { createSigner } from 'fast-jwt'
import postgres from 'postgres'

const sql = postgres(process.env['DATABASE_URL'] ?? '', { connection: { synchronous_commit: 'off' } })
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const sign = createSigner({
  key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  algorithm: 'ES256',
  expiresIn: 900_000,
})

const app = Fastify()
app.get('/', () => ({}))
app.post<{ Body: { refreshToken: string } }>('/', async ({ body }, reply) => {
  const [id = '', generation = ''] = body.refreshToken.split(':')
  const [row] = await sql<{ userId: string; generation: string }[]>`
    UPDATE floor_sessions
    SET generation = generation + 1, rotated_at = now(), last_used_at = now(), idle_expires_at = now() + interval '7 days'
    WHERE id = ${id} AND generation = ${generation} AND revoked_at IS NULL AND idle_expires_at > now()
    RETURNING user_id AS "userId", generation`
  if (row === undefined) return reply.code(401).send({})
  return {
    accessToken: sign({ sub: row.userId, sid: id, gen: Number(row.generation) }),
    refreshToken: `${id}:${row.generation}`,
  }
})
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) })
