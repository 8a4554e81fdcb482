import { AppError } from '@latchkey/contracts/errors'
import type { Config } from '@latchkey/platform/config/config'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { SigningKeys } from '@latchkey/platform/signing-keys/signing-keys'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { AccessTokenClaims } from '../access-token-claims.js'
import type { App } from '../app-types.js'
import { createTokenKeys } from './token-keys.js'

/** RFC 9068, 2.2, with `sid` and `gen` of ours. */
const Payload = Type.Object({
  iss: Type.String(),
  aud: Type.String(),
  sub: Type.String({ minLength: 1 }),
  sid: Type.String({ minLength: 1 }),
  gen: Type.Integer({ minimum: 1 }),
  iat: Type.Integer(),
  exp: Type.Integer(),
  jti: Type.String(),
  roles: Type.Array(Type.String()),
  aal: Type.Integer(),
  amr: Type.Array(Type.String()),
  auth_time: Type.Integer(),
})
export type AccessTokenPayload = Static<typeof Payload>
const payloadSchema = Compile(Payload)

export interface VerifiedAccessToken {
  readonly payload: AccessTokenPayload
  /** The key that signed it. */
  readonly kid: string
}

declare module 'fastify' {
  interface FastifyInstance {
    signAccessToken: (claims: AccessTokenClaims) => string
    /** Throws `token_invalid` or `token_expired`. Whether the session still lives is the revocation list's to say. */
    verifyAccessToken: (token: string) => Promise<VerifiedAccessToken>
  }
}

interface AccessTokenDeps {
  config: Pick<Config, 'issuer' | 'audience'>
  signingKeys: SigningKeys
}

export function registerAccessTokens(app: App, { config, signingKeys }: AccessTokenDeps): void {
  const { issuer, audience } = config
  const tokenKeys = createTokenKeys(signingKeys, { issuer, audience })

  app.decorate('signAccessToken', (claims) => {
    const issuedAt = Math.floor(Date.now() / 1000)
    const payload: AccessTokenPayload = {
      iss: issuer,
      aud: audience,
      sub: claims.userId,
      sid: claims.sessionId,
      gen: claims.generation,
      iat: issuedAt,
      exp: issuedAt + claims.expiresIn,
      jti: newId(),
      roles: [...claims.roles],
      aal: claims.aal,
      amr: [...claims.amr],
      auth_time: Math.floor(claims.authenticatedAt.getTime() / 1000),
    }
    return tokenKeys.signing().sign(payload)
  })

  app.decorate('verifyAccessToken', async (token) => {
    const key = await tokenKeys.verifying(token)
    const payload: unknown = key.verify(token)
    if (!payloadSchema.Check(payload)) throw new AppError('token_invalid')
    return { payload, kid: key.kid }
  })
}
