import { Type, type Static } from 'typebox'
import { oauthErrors, type OAuthErrorCode } from '@latchkey/contracts/oauth-errors'

const closed = { additionalProperties: false } as const

/** RFC 6749, 5.1. */
export const TokenAnswer = Type.Object(
  {
    access_token: Type.String(),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({ description: 'Seconds' }),
    scope: Type.String(),
  },
  { $id: 'TokenAnswer', ...closed },
)
export type TokenAnswer = Static<typeof TokenAnswer>

/** RFC 7662, 2.2. An inactive token is told by `active` alone. */
export const Introspection = Type.Object(
  {
    active: Type.Boolean(),
    // An enum, because a union is tried out against its parts each time that it is written.
    token_type: Type.Optional(
      Type.Unsafe<'Bearer' | 'refresh_token'>({
        type: 'string',
        enum: ['Bearer', 'refresh_token'],
        description: 'Bearer: an access token',
      }),
    ),
    iss: Type.Optional(Type.String()),
    aud: Type.Optional(Type.String()),
    sub: Type.Optional(Type.String({ description: 'The user, or the service client' })),
    client_id: Type.Optional(Type.String({ description: "Of a service client's own token" })),
    scope: Type.Optional(Type.String()),
    sid: Type.Optional(Type.String({ description: 'The device session' })),
    gen: Type.Optional(Type.Integer({ description: 'How often the session was refreshed, and one' })),
    roles: Type.Optional(Type.Array(Type.String())),
    aal: Type.Optional(Type.Integer({ description: 'NIST SP 800-63B' })),
    amr: Type.Optional(Type.Array(Type.String(), { description: 'RFC 8176' })),
    auth_time: Type.Optional(Type.Integer()),
    iat: Type.Optional(Type.Integer()),
    exp: Type.Optional(Type.Integer()),
    jti: Type.Optional(Type.String()),
  },
  { $id: 'Introspection', ...closed },
)
export type Introspection = Static<typeof Introspection>

/** RFC 8414, 2. */
export const ServerMetadata = Type.Object(
  {
    issuer: Type.String(),
    token_endpoint: Type.String(),
    introspection_endpoint: Type.String(),
    revocation_endpoint: Type.String(),
    jwks_uri: Type.String(),
    grant_types_supported: Type.Array(Type.String()),
    response_types_supported: Type.Array(Type.String()),
    scopes_supported: Type.Array(Type.String()),
    token_endpoint_auth_methods_supported: Type.Array(Type.String()),
    introspection_endpoint_auth_methods_supported: Type.Array(Type.String()),
    revocation_endpoint_auth_methods_supported: Type.Array(Type.String()),
    service_documentation: Type.String(),
  },
  { $id: 'ServerMetadata', ...closed },
)
export type ServerMetadata = Static<typeof ServerMetadata>

/** RFC 6749, 5.2. */
const OAuthErrorAnswer = Type.Object(
  {
    error: Type.Unsafe<OAuthErrorCode>({ type: 'string', enum: Object.keys(oauthErrors) }),
    error_description: Type.String(),
  },
  { $id: 'OAuthError', ...closed },
)

/** How every route here may refuse. */
export const oauthRefusals = {
  400: OAuthErrorAnswer,
  401: OAuthErrorAnswer,
  413: OAuthErrorAnswer,
  415: OAuthErrorAnswer,
  429: OAuthErrorAnswer,
  500: OAuthErrorAnswer,
  503: OAuthErrorAnswer,
} as const
