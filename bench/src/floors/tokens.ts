/** The least that giving tokens can be: bare Fastify, the statements that it takes through postgres.js, one ES256 signature. */
import { generateKeyPairSync } from 'node:crypto'
import Fastify from 'fastify'
import { createSigner } from 'fast-jwt'
import postgres from 'postgres'

interface SessionRow {
  id: string
  userId: string
  generation: string
}

const url = process.env['DATABASE_URL'] ?? ''
const durable = postgres(url)
const quick = postgres(url, { connection: { synchronous_commit: 'off' } })
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const sign = createSigner({
  key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  algorithm: 'ES256',
  expiresIn: 900_000,
})

function answerOf({ id, userId, generation }: SessionRow): object {
  return {
    accessToken: sign({ sub: userId, sid: id, gen: Number(generation) }),
    refreshToken: `${id}:${generation}`,
  }
}

const app = Fastify()
app.get('/', () => ({}))

app.post<{ Body: { refreshToken: string } }>('/refresh', async ({ body }, reply) => {
  const [id = '', generation = ''] = body.refreshToken.split(':')
  const [row] = await quick<SessionRow[]>`
    UPDATE floor_sessions
    SET generation = generation + 1, rotated_at = now(), last_used_at = now(), idle_expires_at = now() + interval '7 days'
    WHERE id = ${id} AND generation = ${generation} AND revoked_at IS NULL AND idle_expires_at > now()
    RETURNING id, user_id AS "userId", generation`
  return row === undefined ? reply.code(401).send({}) : answerOf(row)
})

app.post<{ Body: { email: string } }>('/login', async ({ body }, reply) => {
  const [found] = await durable<{ userId: string }[]>`
    SELECT users.id AS "userId", credentials.password_hash
    FROM users JOIN credentials ON credentials.user_id = users.id WHERE email = ${body.email}`
  if (found === undefined) return reply.code(401).send({})
  const [row] = await durable<SessionRow[]>`
    INSERT INTO floor_sessions (id, user_id, idle_expires_at, absolute_expires_at)
    VALUES (gen_random_uuid(), ${found.userId}, now() + interval '7 days', now() + interval '30 days')
    RETURNING id, user_id AS "userId", generation`
  return row === undefined ? reply.code(401).send({}) : answerOf(row)
})

await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) })
