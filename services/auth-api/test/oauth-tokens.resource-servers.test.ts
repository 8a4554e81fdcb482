// Attack: a token that another service takes for good. The examples of the documentation run here as they stand, against a real api.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from '@latchkey/devstack/ports'
import { plainNode } from '@latchkey/devstack/testing/plain-node'
import t from 'tap'
import { createForge, foreignKey } from './support/forged-tokens.js'
import { newClient, postForm } from './support/service-clients.js'
import { register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const port = await freePort()
const issuer = `http://127.0.0.1:${port}`
const shared = await createTestApp(t, { issuer })
await shared.app.listen({ port })
const client = await newClient(shared)

/** Where the example listens. */
async function startExample(name: string, settings: Record<string, string> = {}): Promise<string> {
  const [command, ...args] = plainNode
  const child = spawn(command, [...args, `docs/examples/${name}`], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      ISSUER: issuer,
      CLIENT_ID: client.clientId,
      CLIENT_SECRET: client.clientSecret,
      PORT: '0',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  for await (const line of createInterface(child.stdout)) {
    const [, url] = /^listening on (http.+)$/.exec(line) ?? []
    if (url !== undefined) return url
  }
  throw new Error(`${name} ended before it listened`)
}

const examples = ['fastify-resource-server.mjs', 'express-resource-server.mjs']
const urls = await Promise.all(examples.map((name) => startExample(name)))
const misconfigured = await Promise.all(
  examples.map((name) => startExample(name, { CLIENT_SECRET: 'wrong' })),
)
const adrift = await Promise.all(examples.map((name) => startExample(name, { ISSUER: 'http://127.0.0.1:1' })))

async function statusOf(method: 'GET' | 'POST', url: string, token?: string): Promise<number> {
  const answer = await fetch(`${url}/orders`, {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  })
  await answer.arrayBuffer()
  return answer.status
}

for (const [index, name] of examples.entries()) {
  const url = urls[index] ?? ''

  t.test(`${name}: a good token is good, and a sign-out counts where it asks`, async (t) => {
    const { accessToken, user } = await register(shared.app)
    const answer = await fetch(`${url}/orders`, { headers: { authorization: `Bearer ${accessToken}` } })
    t.same(await answer.json(), { ordersOf: user.id })
    t.equal(await statusOf('POST', url, accessToken), 200)

    await shared.api('POST', '/logout', { token: accessToken })
    t.equal(await statusOf('POST', url, accessToken), 401, 'asked about')
    t.equal(await statusOf('GET', url, accessToken), 200, 'verified by the keys alone, until it expires')
  })

  t.test(`${name}: takes nothing else for an access token`, async (t) => {
    const { accessToken, refreshToken } = await register(shared.app)
    const forge = createForge(shared.deps, accessToken)
    const { header, payload } = forge
    const { privateKey } = foreignKey()
    const elsewhere = await newClient(shared, { audience: 'elsewhere' })
    const clientToken = async ({ basic }: { basic: string }): Promise<string> => {
      const { body } = await postForm(
        shared,
        '/token',
        { grant_type: 'client_credentials' },
        { authorization: basic },
      )
      return String(body['access_token'])
    }
    const refused: Record<string, string | undefined> = {
      'no token': undefined,
      'a refresh token': refreshToken,
      'a foreign key under our kid': forge.signedBy(privateKey, header, payload),
      'a key that nobody has': forge.signedBy(privateKey, { ...header, kid: 'A'.repeat(43) }, payload),
      'another type': forge.signed({ ...header, typ: 'JWT' }, payload),
      'no type': forge.signed({ alg: header['alg'], kid: header['kid'] }, payload),
      'another issuer': forge.signed(header, { ...payload, iss: 'https://elsewhere.example' }),
      'another audience': forge.signed(header, { ...payload, aud: 'elsewhere' }),
      'the token of a client for another audience': await clientToken(elsewhere),
      expired: forge.signed(header, { ...payload, exp: Math.floor(Date.now() / 1000) - 60 }),
      'alg none': `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${accessToken.split('.')[1]}.`,
    }
    t.equal(await statusOf('GET', url, forge.signed(header, payload)), 200, 'unchanged')
    for (const [what, token] of Object.entries(refused)) t.equal(await statusOf('GET', url, token), 401, what)
    t.equal(
      await statusOf('POST', url, await clientToken(client)),
      200,
      'the token of a client for this audience',
    )
  })

  t.test(`${name}: an answer that does not come is neither yes nor no`, async (t) => {
    const { accessToken } = await register(shared.app)
    t.equal(await statusOf('POST', misconfigured[index] ?? '', accessToken), 503, 'a wrong secret')
    t.equal(await statusOf('GET', adrift[index] ?? '', accessToken), 503, 'no keys to be had')
  })
}
