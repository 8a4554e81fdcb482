import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type JWTPayload } from 'jose'

interface TestScope {
  teardown: (release: () => Promise<void>) => void
}

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void | Promise<void>

type Claims = Readonly<Record<string, unknown>>

/** An OpenID provider that says whatever a test wants it to. */
export interface LyingIssuer {
  readonly issuer: string
  /** What was asked of it, by path. */
  readonly asked: { path: string; headers: IncomingMessage['headers']; body: string }[]
  /** What it answers at a path in place of what it should. */
  readonly lies: Map<string, Answer>
  readonly metadata: Record<string, unknown>
  /** Good claims, signed well, unless others are given. */
  sign(claims: Claims, header?: { alg: string; kid?: string }): Promise<string>
  /** The same by HMAC, keyed with a secret or, as an attacker would, with the public key. */
  signByHmac(claims: Claims, key: 'public key' | Uint8Array): Promise<string>
  /** What its token endpoint answers from now on. */
  answersWith(idToken: string): void
  /** A key that is not in its set. */
  signByStranger(claims: Claims): Promise<string>
}

const json: (value: unknown, status?: number) => Answer =
  (value, status = 200) =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }

export const answerJson = json

export async function openLyingIssuer(t: TestScope, clientId: string): Promise<LyingIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const stranger = await generateKeyPair('ES256')
  const publicJwk = { ...(await exportJWK(publicKey)), kid: 'honest', alg: 'ES256', use: 'sig' }
  const publicPem = new TextEncoder().encode(await exportSPKI(publicKey))
  const lies = new Map<string, Answer>()
  const asked: LyingIssuer['asked'] = []
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const metadata: Record<string, unknown> = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    code_challenge_methods_supported: ['S256'],
  }
  const truths: Record<string, Answer> = {
    '/.well-known/openid-configuration': (...at) => json(metadata)(...at),
    '/jwks': json({ keys: [publicJwk] }),
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    const path = request.url ?? ''
    asked.push({ path, headers: request.headers, body })
    const say = lies.get(path) ?? truths[path] ?? json({ error: 'not_found' }, 404)
    await say(request, response, body)
  }

  const complete = (claims: Claims): JWTPayload => {
    const now = Math.floor(Date.now() / 1000)
    return { iss: issuer, aud: clientId, iat: now, exp: now + 60, ...claims }
  }

  return {
    issuer,
    asked,
    lies,
    metadata,
    sign: (claims, header = { alg: 'ES256', kid: 'honest' }) =>
      new SignJWT(complete(claims)).setProtectedHeader(header).sign(privateKey),
    signByStranger: (claims) =>
      new SignJWT(complete(claims))
        .setProtectedHeader({ alg: 'ES256', kid: 'honest' })
        .sign(stranger.privateKey),
    signByHmac: (claims, key) =>
      new SignJWT(complete(claims))
        .setProtectedHeader({ alg: 'HS256', kid: 'honest' })
        .sign(key === 'public key' ? publicPem : key),
    answersWith(idToken) {
      lies.set('/token', json({ access_token: 'not-kept', token_type: 'Bearer', id_token: idToken }))
    },
  }
}
