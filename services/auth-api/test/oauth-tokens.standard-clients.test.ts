// Property: what speaks OAuth speaks to us, unmodified: oauth4webapi and openid-client over a socket, jose as the one who is called.
import { freePort } from '@latchkey/devstack/ports'
import * as jose from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import t from 'tap'
import { buildApp } from '@latchkey/auth-api/app'
import { newClient } from './support/service-clients.js'
import { register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const port = await freePort()
const issuer = new URL(`http://127.0.0.1:${port}`)
const shared = await createTestApp(t, { issuer: issuer.origin })
await shared.app.listen({ port })
const insecure = { [oauth.allowInsecureRequests]: true } // a loopback address; nothing else about the library is changed

async function discover(): Promise<oauth.AuthorizationServer> {
  const answer = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
  return oauth.processDiscoveryResponse(issuer, answer)
}

for (const authentication of [oauth.ClientSecretBasic, oauth.ClientSecretPost]) {
  t.test(
    `oauth4webapi with ${authentication.name}: discovery, a token, introspection, revocation`,
    async (t) => {
      const { clientId, clientSecret } = await newClient(shared, {
        scopes: ['introspect', 'revoke', 'token', 'a:b'],
      })
      const server = await discover()
      const client: oauth.Client = { client_id: clientId }
      const auth = authentication(clientSecret)

      const granted = await oauth.processClientCredentialsResponse(
        server,
        client,
        await oauth.clientCredentialsGrantRequest(server, client, auth, { scope: 'a:b' }, insecure),
      )
      t.match(granted, { token_type: 'bearer', expires_in: 900, scope: 'a:b' })

      const look = async (token: string): Promise<oauth.IntrospectionResponse> =>
        oauth.processIntrospectionResponse(
          server,
          client,
          await oauth.introspectionRequest(server, client, auth, token, insecure),
        )
      t.match(await look(granted.access_token), {
        active: true,
        client_id: clientId,
        sub: clientId,
        scope: 'a:b',
      })

      const { accessToken, refreshToken, sessionId, user } = await register(shared.app)
      t.match(await look(accessToken), { active: true, sub: user.id, sid: sessionId, token_type: 'Bearer' })
      await oauth.processRevocationResponse(
        await oauth.revocationRequest(server, client, auth, refreshToken, {
          ...insecure,
          additionalParameters: { token_type_hint: 'refresh_token' },
        }),
      )
      t.same(await look(accessToken), { active: false })
    },
  )
}

t.test('openid-client: discovery, a token, introspection, revocation', async (t) => {
  const { clientId, clientSecret } = await newClient(shared)
  const server = await openid.discovery(issuer, clientId, clientSecret, undefined, {
    algorithm: 'oauth2',
    execute: [openid.allowInsecureRequests],
  })
  const granted = await openid.clientCredentialsGrant(server)
  t.equal(granted.scope, 'introspect revoke token')
  const { accessToken } = await register(shared.app)
  t.match(await openid.tokenIntrospection(server, accessToken), { active: true })
  await openid.tokenRevocation(server, accessToken)
  t.same(await openid.tokenIntrospection(server, accessToken), { active: false })
  const refusal = await openid
    .clientCredentialsGrant(server, { scope: 'more' })
    .catch((error: unknown) => error)
  t.match(refusal, { error: 'invalid_scope', status: 400 })
})

t.test('jose verifies the token of a client with what the metadata leads to', async (t) => {
  const { clientId, clientSecret } = await newClient(shared, {
    audience: 'https://orders.example',
    scopes: ['token'],
  })
  const server = await discover()
  const { access_token: token } = await oauth.processClientCredentialsResponse(
    server,
    { client_id: clientId },
    await oauth.clientCredentialsGrantRequest(
      server,
      { client_id: clientId },
      oauth.ClientSecretBasic(clientSecret),
      {},
      insecure,
    ),
  )
  const keys = jose.createRemoteJWKSet(new URL(String(server.jwks_uri)))
  const expected = { issuer: server.issuer, audience: 'https://orders.example', typ: 'at+jwt' }
  const { payload } = await jose.jwtVerify(token, keys, expected)
  t.same(Object.keys(payload).toSorted(), ['aud', 'client_id', 'exp', 'iat', 'iss', 'jti', 'scope', 'sub'])
  t.match(payload, { sub: clientId, client_id: clientId, scope: 'token' })
  await t.rejects(jose.jwtVerify(token, keys, { ...expected, audience: shared.deps.config.audience }))
})

t.test(
  'metadata: of the issuer and not of the Host header, kept by caches, found by an issuer with a path',
  async (t) => {
    const path = '/.well-known/oauth-authorization-server'
    const plain = await shared.app.inject({ url: path, headers: { host: 'evil.example' } })
    t.notMatch(plain.body, 'evil')
    t.equal(plain.headers['cache-control'], 'public, max-age=300')
    const { deps } = shared
    const withPath = await buildApp({
      ...deps,
      config: { ...deps.config, issuer: 'https://example.com/auth:1' },
    })
    t.teardown(() => withPath.close())
    for (const url of [path, `${path}/auth:1`]) {
      const answer = await withPath.inject(url)
      t.match(answer.json(), {
        issuer: 'https://example.com/auth:1',
        token_endpoint: 'https://example.com/auth:1/oauth2/token',
        jwks_uri: 'https://example.com/auth:1/.well-known/jwks.json',
      })
    }
    t.equal((await withPath.inject(`${path}/other`)).statusCode, 404)
  },
)
