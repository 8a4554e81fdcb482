import { endpointScopes } from '@latchkey/platform/service-clients/service-client'
import type { ServerMetadata } from './answers.js'

const wellKnown = '/.well-known/oauth-authorization-server'
const clientAuthentication = ['client_secret_basic', 'client_secret_post']

/** RFC 8414. Every address follows from the issuer, never from the Host header. */
export function serverMetadata(issuer: string): ServerMetadata {
  return {
    issuer,
    token_endpoint: `${issuer}/oauth2/token`,
    introspection_endpoint: `${issuer}/oauth2/introspect`,
    revocation_endpoint: `${issuer}/oauth2/revoke`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    grant_types_supported: ['client_credentials'],
    response_types_supported: [],
    scopes_supported: [...endpointScopes],
    token_endpoint_auth_methods_supported: clientAuthentication,
    introspection_endpoint_auth_methods_supported: clientAuthentication,
    revocation_endpoint_auth_methods_supported: clientAuthentication,
    service_documentation: `${issuer}/api-docs`,
  }
}

/**
 * Where the metadata of an issuer is looked for. RFC 8414, 3.1 puts the well-known part before an issuer's path; a proxy that serves
 * us under that path asks without it.
 */
export function metadataPaths(issuer: string): string[] {
  const { pathname } = new URL(issuer)
  return pathname === '/' ? [wellKnown] : [wellKnown, wellKnown + pathname]
}
