import { OAuthError } from '@latchkey/contracts/oauth-errors'
import type { EndpointScope } from '@latchkey/platform/service-clients/service-client'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { headerValues } from '../../plugins/raw-headers.js'
import { originOf } from '../../request-origin.js'
import { authenticateClient, type AuthenticatedClient } from '../service-clients/authenticate-client.js'
import { createFailedAttempts } from '../service-clients/failed-attempts.js'
import { createServiceClients } from '../service-clients/service-clients.js'
import { Introspection, oauthRefusals, ServerMetadata, TokenAnswer } from './answers.js'
import { introspectToken } from './introspect-token.js'
import { issueClientToken } from './issue-client-token.js'
import { revokeToken } from './revoke-token.js'
import { metadataPaths, serverMetadata } from './server-metadata.js'

/** Tokens of ours have a few hundred characters; nobody else's are our concern. */
const bodyLimit = 16 * 1024

// Every field is optional and others are ignored (RFC 6749, 3.2): who asks is answered before what is asked.
const text = Type.Optional(Type.String())
const credentials = { client_id: text, client_secret: text }
const TokenForm = Type.Optional(Type.Object({ ...credentials, grant_type: text, scope: text }))
const LookForm = Type.Optional(Type.Object({ ...credentials, token: text, token_type_hint: text }))
type Form = Partial<Record<'client_id' | 'client_secret', string | undefined>>

const declared = {
  tags: ['service clients'],
  security: [{ serviceClient: [] }],
  consumes: ['application/x-www-form-urlencoded'],
}
const config = { auth: 'none', limit: 'client' } as const

/** Seconds, as for the published keys. */
const metadataMaxAgeSeconds = 300

export function metadataRoutes(app: App, { config: { issuer } }: Pick<Deps, 'config'>): void {
  for (const path of metadataPaths(issuer)) {
    app.get(path.replaceAll(':', '::'), {
      config: { auth: 'none', limit: 'none' },
      schema: {
        tags: ['service clients'],
        summary: 'Where the endpoints for service clients are (RFC 8414)',
        response: { 200: ServerMetadata },
      },
      handler: (_request, reply) => {
        void reply.header('cache-control', `public, max-age=${metadataMaxAgeSeconds}`)
        return serverMetadata(issuer)
      },
    })
  }
}

export function oauthRoutes(app: App, deps: Deps): void {
  const { signClientToken, verifyIssuedToken } = app
  const clients = createServiceClients(deps)
  const tokenDeps = { ...deps, clients, signClientToken, verifyIssuedToken }
  const clientDeps = { ...deps, clients, failures: createFailedAttempts(deps.limits) }

  function authenticate(
    request: FastifyRequest,
    form: Form | undefined,
    needs: EndpointScope,
  ): Promise<AuthenticatedClient> {
    const authorization = headerValues(request.raw.rawHeaders, 'authorization')
    return authenticateClient(clientDeps, { ...form, authorization }, needs, originOf(request))
  }

  app.post('/token', {
    config,
    bodyLimit,
    schema: {
      ...declared,
      summary: 'A token for the client itself (RFC 6749, 4.4)',
      body: TokenForm,
      response: { 200: TokenAnswer, ...oauthRefusals },
    },
    handler: async (request, reply) => {
      const client = await authenticate(request, request.body, 'token')
      void reply.header('pragma', 'no-cache') // RFC 6749, 5.1
      return issueClientToken(tokenDeps, client, request.body ?? {})
    },
  })

  app.post('/introspect', {
    config,
    bodyLimit,
    schema: {
      ...declared,
      summary: 'Whether a token is good now (RFC 7662)',
      description:
        'Any token of this issuer: access and refresh tokens of sessions, and tokens of service clients.',
      body: LookForm,
      response: { 200: Introspection, ...oauthRefusals },
    },
    handler: async (request) => {
      await authenticate(request, request.body, 'introspect')
      return introspectToken(tokenDeps, tokenOf(request.body))
    },
  })

  app.post('/revoke', {
    config,
    bodyLimit,
    schema: {
      ...declared,
      summary: 'End the session of a token (RFC 7009)',
      description: "Of a token of the client's audience. An unknown token is answered alike.",
      body: LookForm,
      response: { 200: Type.Literal('', { description: 'Done' }), ...oauthRefusals },
    },
    handler: async (request, reply) => {
      const client = await authenticate(request, request.body, 'revoke')
      await revokeToken(tokenDeps, { token: tokenOf(request.body), client, origin: originOf(request) })
      return reply.send('')
    },
  })
}

function tokenOf(form: { token?: string } | undefined): string {
  if (form?.token === undefined) throw new OAuthError('invalid_request', 'The parameter token is missing.')
  return form.token
}
