/** The least that a check of an access token can be: bare Fastify and one ES256 verification, nothing kept, nothing looked up. */
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import Fastify from 'fastify'
import { createVerifier } from 'fast-jwt'

const answer = await fetch(process.env['JWKS_URL'] ?? '')
const { keys } = (await answer.json()) as { keys: [JsonWebKey] }
const verify = createVerifier({
  key: createPublicKey({ key: keys[0], format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
  algorithms: ['ES256'],
  cache: false,
})

const app = Fastify()
app.get('/', ({ headers: { authorization } }) => {
  if (authorization === undefined) return {}
  const claims: unknown = verify(authorization.slice('Bearer '.length))
  return claims
})
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) })
