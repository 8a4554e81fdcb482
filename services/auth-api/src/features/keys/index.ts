import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'

/** Seconds: half the lead time of a new key, so that no verifier meets a token before it can have the key. */
const jwksMaxAgeSeconds = 300

const JsonWebKey = Type.Object(
  {
    kty: Type.String(),
    crv: Type.String(),
    x: Type.String(),
    y: Type.Optional(Type.String()),
    kid: Type.String(),
    alg: Type.String(),
    use: Type.String(),
  },
  { $id: 'JsonWebKey' },
)
const JsonWebKeySet = Type.Object({ keys: Type.Array(JsonWebKey) }, { $id: 'JsonWebKeySet' })

export async function keys(app: App, { deps: { signingKeys } }: { deps: Deps }): Promise<void> {
  app.get('/.well-known/jwks.json', {
    config: { auth: 'none', limit: 'none' },
    schema: {
      tags: ['keys'],
      summary: 'The keys that verify access tokens (RFC 7517)',
      response: { 200: JsonWebKeySet },
    },
    handler: (_request, reply) => {
      reply.header('cache-control', `public, max-age=${jwksMaxAgeSeconds}`)
      return { keys: [...signingKeys.publicJwks().keys] }
    },
  })
}
