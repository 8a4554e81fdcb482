// Attack: a form that two readers understand differently, a refusal that an OAuth client cannot read, a token for more than was granted.
import * as jose from 'jose'
import t from 'tap'
import type { App } from '@latchkey/auth-api/app-types'
import { buildApp } from '@latchkey/auth-api/app'
import { parseForm } from '@latchkey/auth-api/plugins/form-body'
import { registerOAuthErrors } from '@latchkey/auth-api/plugins/oauth-errors'
import { newClient, postForm, type Form, type FormAnswer } from './support/service-clients.js'
import { register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const shared = await createTestApp(t)
const { app, deps } = shared
const { clientId, clientSecret, basic } = await newClient(shared, {
  audience: 'https://orders.example',
  scopes: ['token', 'introspect', 'orders:read', 'orders:write'],
})
const ask = (path: string, form: Form, headers: Record<string, string> = {}): Promise<FormAnswer> =>
  postForm(shared, path, form, { authorization: basic, headers })
const grant = (form: Record<string, string> = {}): Promise<FormAnswer> =>
  ask('/token', { grant_type: 'client_credentials', ...form })

t.test(
  'a token has all scopes of its client, or those that were asked for, and nothing of a session',
  async (t) => {
    const all = await grant()
    t.match(all.headers, { 'cache-control': 'no-store', pragma: 'no-cache' })
    t.same(Object.keys(all.body).toSorted(), ['access_token', 'expires_in', 'scope', 'token_type'])
    t.match(all.body, {
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'token introspect orders:read orders:write',
    })
    const claims = jose.decodeJwt(String(all.body['access_token']))
    t.match(claims, {
      sub: clientId,
      client_id: clientId,
      aud: 'https://orders.example',
      scope: all.body['scope'],
    })
    t.equal(Number(claims.exp) - Number(claims.iat), 900)
    for (const name of ['sid', 'gen', 'roles', 'aal', 'amr', 'auth_time']) t.notOk(name in claims, name)
    t.match(jose.decodeProtectedHeader(String(all.body['access_token'])), { typ: 'at+jwt', alg: 'ES256' })

    const some = await grant({ scope: 'orders:write orders:write orders:read' })
    t.equal(some.body['scope'], 'orders:write orders:read', 'each once')
    t.equal(jose.decodeJwt(String(some.body['access_token']))['scope'], 'orders:write orders:read')
  },
)

t.test('what is not granted is refused by its name', async (t) => {
  const refused: [form: Record<string, string>, error: string][] = [
    [{ scope: 'orders:read' }, 'invalid_request'],
    [{ grant_type: '' }, 'invalid_request'],
    [{ grant_type: 'password', username: 'a', password: 'b' }, 'unsupported_grant_type'],
    [{ grant_type: 'refresh_token', refresh_token: 'x' }, 'unsupported_grant_type'],
    [{ grant_type: 'CLIENT_CREDENTIALS' }, 'unsupported_grant_type'],
    [{ grant_type: 'client_credentials', scope: 'orders:delete' }, 'invalid_scope'],
    [{ grant_type: 'client_credentials', scope: 'orders:read admin' }, 'invalid_scope'],
    [{ grant_type: 'client_credentials', scope: 'orders:read  orders:write' }, 'invalid_scope'],
    [{ grant_type: 'client_credentials', scope: 'ORDERS:READ' }, 'invalid_scope'],
  ]
  for (const [form, error] of refused) {
    const answer = await ask('/token', form)
    t.match(answer, { status: 400, body: { error } }, JSON.stringify(form))
    t.equal(answer.headers['cache-control'], 'no-store')
  }
})

t.test('whatever is refused is refused in the words of OAuth', async (t) => {
  const credentials = `client_id=${clientId}&client_secret=${clientSecret}`
  const refused: Record<string, [status: number, answer: Promise<FormAnswer>]> = {
    'a parameter twice': [400, ask('/introspect', 'token=a&token=b')],
    'a parameter twice, spelled differently': [400, ask('/introspect', 'token=a&%74oken=b')],
    'a parameter twice, once empty': [400, ask('/introspect', 'token=a&token=')],
    'a secret twice': [400, postForm(shared, '/introspect', `${credentials}&client_secret=x&token=a`)],
    'an unknown parameter twice': [400, ask('/introspect', 'token=a&b=1&b=2')],
    'bad percent-encoding': [400, ask('/introspect', 'token=%zz')],
    'a percent-encoding that is no UTF-8': [400, ask('/introspect', 'token=%ff')],
    'too many parameters': [
      400,
      ask('/introspect', Array.from({ length: 70 }, (_, index) => `p${index}=1`).join('&')),
    ],
    'no token': [400, ask('/introspect', 'token_type_hint=access_token')],
    'an empty token': [400, ask('/introspect', 'token=')],
    'no body': [400, ask('/introspect', '')],
    'a query string': [400, ask('/introspect?token=x', 'token=x')],
    JSON: [415, ask('/introspect', '{"token":"x"}', { 'content-type': 'application/json' })],
    'another charset': [
      415,
      ask('/introspect', 'token=x', { 'content-type': 'application/x-www-form-urlencoded; charset=utf-16' }),
    ],
    multipart: [415, ask('/introspect', 'token=x', { 'content-type': 'multipart/form-data; boundary=x' })],
    'too long': [413, ask('/introspect', `token=${'x'.repeat(17_000)}`)],
    'a path that is not there': [404, ask('/authorize', 'token=x')],
  }
  for (const [what, [status, asked]] of Object.entries(refused)) {
    const answer = await asked
    t.equal(answer.status, status, what)
    t.same(Object.keys(answer.body), ['error', 'error_description'], what)
    t.equal(answer.body['error'], 'invalid_request', what)
    t.match(answer.body['error_description'], /^[ !#-[\]-~]+$/, `${what}: RFC 6749, 5.2`)
    t.equal(answer.headers['content-type'], 'application/json; charset=utf-8', what)
  }
  for (const method of ['GET', 'PUT', 'DELETE'] as const) {
    const answer = await app.inject({ method, url: '/oauth2/token' })
    t.match(answer, { statusCode: 405, headers: { allow: 'POST' } }, method)
    t.equal(answer.json<{ error: string }>().error, 'invalid_request')
  }
  t.match(
    (
      await shared.api('POST', '/api/v1/auth/login', {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'email=a',
      })
    ).body,
    {
      code: 'unsupported_media_type',
    },
    'and elsewhere a form is no body',
  )
})

t.test('a failure of ours and an answer that takes too long are told alike, and tell nothing', async (t) => {
  const broken = await buildApp({
    ...deps,
    revocations: { ...deps.revocations, check: () => Promise.reject(new Error('lks_inside')) },
  })
  t.teardown(() => broken.close())
  await broken.register(
    async (part: App) => {
      registerOAuthErrors(part)
      const config = { auth: 'none', limit: 'client', deadlineMs: 20 } as const
      part.get('/hangs', { config }, () => new Promise(() => undefined))
    },
    { prefix: '/oauth2/test' },
  )
  const { accessToken } = await register(app)
  const failed = await postForm(
    { app: broken },
    '/introspect',
    { token: accessToken },
    { authorization: basic },
  )
  t.match(failed, { status: 500, body: { error: 'server_error' } })
  t.notMatch(failed.text, 'inside')
  const late = await broken.inject('/oauth2/test/hangs')
  t.match(late, { statusCode: 503, headers: { 'retry-after': '1' } })
  t.equal(late.json<{ error: string }>().error, 'temporarily_unavailable')
})

t.test(
  'parameters without a value are not there, unknown ones are ignored, and no name is magic',
  async (t) => {
    t.same(parseForm('a=1&b=&c&=x&&d=a+b%2B'), { a: '1', d: 'a b+' })
    t.same(parseForm(''), {})
    t.same(parseForm(Buffer.from('a=é')), { a: 'é' })
    t.same(parseForm('a==b='), { a: '=b=' })
    t.throws(() => parseForm(Buffer.from([0x61, 0x3d, 0xff])), { code: 'malformed_body' })
    const magic = parseForm('__proto__=x&constructor=y&toString=z')
    t.same(Object.keys(magic).toSorted(), ['__proto__', 'constructor', 'toString'])
    t.equal(Object.getPrototypeOf(magic), Object.prototype)
    t.match(await ask('/introspect', 'token=x&resource=https%3A%2F%2Fa.example&__proto__=y'), { status: 200 })
  },
)
