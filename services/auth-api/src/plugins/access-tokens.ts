import { AppError } from '@latchkey/contracts/errors'
import type { Config } from '@latchkey/platform/config/config'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { Metrics } from '@latchkey/platform/metrics/metrics'
import type { SigningKeys } from '@latchkey/platform/signing-keys/signing-keys'
import { compileSchema } from '@latchkey/platform/validation/compile-schema'
import {
  AccessTokenPayload,
  ClientTokenPayload,
  type AccessTokenClaims,
  type ClientTokenClaims,
  type IssuedToken,
} from '../access-token-claims.js'
import type { App } from '../app-types.js'
import { createTokenKeys } from './token-keys.js'
import { createVerifiedTokens } from './verified-tokens.js'

const sessionSchema = compileSchema(AccessTokenPayload)
const clientSchema = compileSchema(ClientTokenPayload)

export type VerifiedAccessToken = Extract<IssuedToken, { kind: 'session' }>

declare module 'fastify' {
  interface FastifyInstance {
    signAccessToken: (claims: AccessTokenClaims) => string
    signClientToken: (claims: ClientTokenClaims) => string
    /**
     * The token of a session, for our own audience. Throws `token_invalid` or `token_expired`. Whether the session still lives is
     * the revocation list's to say.
     */
    verifyAccessToken: (token: string) => Promise<VerifiedAccessToken>
    /** The same at once, when exactly this token was verified before; else null. */
    findVerifiedAccessToken: (token: string) => VerifiedAccessToken | null
    /** Any token of this issuer, for whichever audience: for introspection and revocation. Throws like `verifyAccessToken`. */
    verifyIssuedToken: (token: string) => Promise<IssuedToken>
  }
}

interface AccessTokenDeps {
  config: Pick<Config, 'issuer' | 'audience'>
  signingKeys: SigningKeys
  metrics: Pick<Metrics, 'cacheHitsTotal' | 'cacheMissesTotal'>
}

export function registerAccessTokens(app: App, deps: AccessTokenDeps): void {
  const { issuer, audience } = deps.config
  const tokenKeys = createTokenKeys(deps.signingKeys, { issuer })
  const verifiedTokens = createVerifiedTokens<IssuedToken>(deps)

  app.decorate('signAccessToken', (claims) => {
    const payload: AccessTokenPayload = {
      ...standardClaims(issuer, claims.expiresIn),
      aud: audience,
      sub: claims.userId,
      sid: claims.sessionId,
      gen: claims.generation,
      roles: [...claims.roles],
      aal: claims.aal,
      amr: [...claims.amr],
      auth_time: Math.floor(claims.authenticatedAt.getTime() / 1000),
    }
    return tokenKeys.signing().sign(payload)
  })

  app.decorate('signClientToken', (claims) => {
    const payload: ClientTokenPayload = {
      ...standardClaims(issuer, claims.expiresIn),
      aud: claims.audience,
      sub: claims.clientId,
      client_id: claims.clientId,
      scope: claims.scopes.join(' '),
    }
    return tokenKeys.signing().sign(payload)
  })

  async function verify(token: string): Promise<IssuedToken> {
    const key = await tokenKeys.verifying(token)
    const payload: unknown = key.verify(token)
    if (sessionSchema.matches(payload)) return { kind: 'session', payload, kid: key.kid }
    if (clientSchema.matches(payload)) return { kind: 'client', payload, kid: key.kid }
    throw new AppError('token_invalid')
  }

  const isAccessToken = (token: IssuedToken): token is VerifiedAccessToken =>
    token.kind === 'session' && token.payload.aud === audience

  app.decorate('verifyIssuedToken', (token) => verifiedTokens.findOrVerify(token, verify))

  app.decorate('verifyAccessToken', async (token) => {
    const issued = await verifiedTokens.findOrVerify(token, verify)
    if (!isAccessToken(issued)) throw new AppError('token_invalid')
    return issued
  })

  app.decorate('findVerifiedAccessToken', (token) => {
    const issued = verifiedTokens.find(token)
    return issued !== null && isAccessToken(issued) ? issued : null
  })
}

function standardClaims(
  issuer: string,
  expiresIn: number,
): { iss: string; iat: number; exp: number; jti: string } {
  const issuedAt = Math.floor(Date.now() / 1000)
  return { iss: issuer, iat: issuedAt, exp: issuedAt + expiresIn, jti: newId() }
}
