// A service that takes Latchkey's access tokens. It verifies them by itself, with the published keys; where a sign-out must count
// at once, it asks Latchkey. ISSUER=http://localhost:8000 CLIENT_ID=… CLIENT_SECRET=… node express-resource-server.mjs
import express from 'express'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

const { ISSUER, AUDIENCE = 'latchkey', CLIENT_ID, CLIENT_SECRET, PORT = '3000' } = process.env

class Unavailable extends Error {}

// Fetched when a token names a key that is not known yet, at most every 30 s, and anew every 10 minutes.
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`))

/** A key set that cannot be fetched says nothing of the token. */
async function publicKeyOf(header) {
  try {
    return await keys(header)
  } catch (error) {
    throw error instanceof errors.JWKSNoMatchingKey ? error : new Unavailable('no keys', { cause: error })
  }
}

const expected = {
  algorithms: ['ES256', 'EdDSA'], // never what the token says
  typ: 'at+jwt', // RFC 9068: no other kind of token passes for an access token
  issuer: ISSUER,
  audience: AUDIENCE,
  requiredClaims: ['sub', 'exp'],
  clockTolerance: 5,
}

/** By the published keys alone: good until the token expires, also when its session was ended meanwhile. */
async function verifyToken(request, response, next) {
  const [, token] = /^Bearer ([!-~]+)$/i.exec(request.headers.authorization ?? '') ?? []
  if (token === undefined) return refuse(response, 401)
  try {
    const { payload } = await jwtVerify(token, publicKeyOf, expected)
    Object.assign(request, { token, user: payload })
  } catch (error) {
    return refuse(response, error instanceof Unavailable ? 503 : 401)
  }
  next()
}

/** Asks whether the token is still good now. An answer that does not come is no permission. */
async function assertStillActive(request, response, next) {
  const answer = await fetch(`${ISSUER}/oauth2/introspect`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')}`,
    },
    body: new URLSearchParams({ token: request.token }),
    signal: AbortSignal.timeout(2000),
  }).catch(() => null)
  if (answer === null || !answer.ok) return refuse(response, 503)
  const { active } = await answer.json()
  if (active !== true) return refuse(response, 401)
  next()
}

function refuse(response, status) {
  if (status === 401) response.set('www-authenticate', 'Bearer')
  response.sendStatus(status)
}

const app = express()

app.get('/orders', verifyToken, (request, response) => {
  response.json({ ordersOf: request.user.sub })
})

app.post('/orders', verifyToken, assertStillActive, (request, response) => {
  response.json({ orderedBy: request.user.sub })
})

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
