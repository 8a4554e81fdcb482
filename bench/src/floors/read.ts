/** The least that an authenticated read can be: bare Fastify and one ES256 verification; in /me also one look into Redis and one row. */
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import Fastify from 'fastify'
import { createVerifier } from 'fast-jwt'
import { Redis } from 'ioredis'
import postgres from 'postgres'

const answer = await fetch(process.env['JWKS_URL'] ?? '')
const { keys } = (await answer.json()) as { keys: [JsonWebKey] }
const verify = createVerifier({
  key: createPublicKey({ key: keys[0], format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
  algorithms: ['ES256'],
  cache: false,
})
const redis = new Redis(process.env['REDIS_URL'] ?? '')
const sql = postgres(process.env['DATABASE_URL'] ?? '')

function claimsOf(authorization = ''): { sub: string; sid: string } {
  return verify(authorization.slice('Bearer '.length)) as { sub: string; sid: string }
}

const app = Fastify()
app.get('/', () => ({}))
app.get('/verify', ({ headers }) => claimsOf(headers.authorization))
app.get('/me', async ({ headers }, reply) => {
  const { sub, sid } = claimsOf(headers.authorization)
  if ((await redis.exists(`floor:${sid}`)) !== 0) return reply.code(401).send({})
  const [user] =
    await sql`SELECT id, email, username, name, roles, traits, created_at FROM users WHERE id = ${sub}`
  return user
})
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) })
