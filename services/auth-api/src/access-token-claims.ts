import { Type, type Static } from 'typebox'

/** What a session says about its user in an access token. */
export interface AccessTokenClaims {
  readonly userId: string
  readonly sessionId: string
  readonly generation: number
  readonly roles: readonly string[]
  readonly aal: number
  readonly amr: readonly string[]
  readonly authenticatedAt: Date
  /** Seconds. */
  readonly expiresIn: number
}

/** What a service client's token says. It has no session: it cannot be revoked and no route of a user takes it. */
export interface ClientTokenClaims {
  readonly clientId: string
  readonly audience: string
  readonly scopes: readonly string[]
  /** Seconds. */
  readonly expiresIn: number
}

const standardClaims = {
  iss: Type.String(),
  aud: Type.String(),
  sub: Type.String({ minLength: 1 }),
  iat: Type.Integer(),
  exp: Type.Integer(),
  jti: Type.String(),
}

/** RFC 9068, 2.2, with `sid` and `gen` of ours. */
export const AccessTokenPayload = Type.Object({
  ...standardClaims,
  sid: Type.String({ minLength: 1 }),
  gen: Type.Integer({ minimum: 1 }),
  roles: Type.Array(Type.String()),
  aal: Type.Integer(),
  amr: Type.Array(Type.String()),
  auth_time: Type.Integer(),
})
export type AccessTokenPayload = Static<typeof AccessTokenPayload>

/** RFC 9068, 2.2. Closed, so that no token is taken for both kinds. */
export const ClientTokenPayload = Type.Object(
  { ...standardClaims, client_id: Type.String({ minLength: 1 }), scope: Type.String() },
  { additionalProperties: false },
)
export type ClientTokenPayload = Static<typeof ClientTokenPayload>

/** A verified token, and the key that signed it. */
export type IssuedToken =
  | { readonly kind: 'session'; readonly payload: AccessTokenPayload; readonly kid: string }
  | { readonly kind: 'client'; readonly payload: ClientTokenPayload; readonly kid: string }
