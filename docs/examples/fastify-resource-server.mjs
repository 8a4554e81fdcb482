// A service that takes Latchkey's access tokens. It verifies them by itself, with the published keys; where a sign-out must count
// at once, it asks Latchkey. ISSUER=http://localhost:8000 CLIENT_ID=… CLIENT_SECRET=… node fastify-resource-server.mjs
import jwt from '@fastify/jwt'
import fastify from 'fastify'
import { createRemoteJWKSet, errors, exportSPKI } from 'jose'

const { ISSUER, AUDIENCE = 'latchkey', CLIENT_ID, CLIENT_SECRET, PORT = '3000' } = process.env

class Unauthorized extends Error {
  statusCode = 401
}
class Unavailable extends Error {
  statusCode = 503
}

// Fetched when a token names a key that is not known yet, at most every 30 s, and anew every 10 minutes.
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`))
const pems = new WeakMap() // jose holds the keys, @fastify/jwt takes them as PEM

/** A key set that cannot be fetched says nothing of the token. */
async function publicKeyOf({ header }) {
  let key
  try {
    key = await keys(header)
  } catch (error) {
    const isRefusal = error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JOSENotSupported
    throw isRefusal ? new Unauthorized() : new Unavailable()
  }
  if (!pems.has(key)) pems.set(key, await exportSPKI(key))
  return pems.get(key)
}

const app = fastify()

await app.register(jwt, {
  decode: { complete: true },
  secret: (_request, token) => publicKeyOf(token),
  verify: {
    algorithms: ['ES256', 'EdDSA'], // never what the token says
    checkTyp: 'at+jwt', // RFC 9068: no other kind of token passes for an access token
    allowedIss: ISSUER,
    allowedAud: AUDIENCE,
    requiredClaims: ['iss', 'aud', 'sub', 'exp'],
    clockTolerance: 5000,
  },
})

/** By the published keys alone: good until the token expires, also when its session was ended meanwhile. */
async function verifyToken(request) {
  try {
    await request.jwtVerify()
  } catch (error) {
    throw error instanceof Unavailable ? error : new Unauthorized()
  }
}

/** Asks whether the token is still good now. An answer that does not come is no permission. */
async function assertStillActive(request) {
  const [, token] = request.headers.authorization.split(' ')
  const answer = await fetch(`${ISSUER}/oauth2/introspect`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')}`,
    },
    body: new URLSearchParams({ token }),
    signal: AbortSignal.timeout(2000),
  }).catch(() => null)
  if (answer === null || !answer.ok) throw new Unavailable()
  const { active } = await answer.json()
  if (active !== true) throw new Unauthorized()
}

app.get('/orders', { onRequest: verifyToken }, (request) => ({ ordersOf: request.user.sub }))

app.post('/orders', { onRequest: [verifyToken, assertStillActive] }, (request) => ({
  orderedBy: request.user.sub,
}))

console.log(`listening on ${await app.listen({ port: Number(PORT) })}`)
