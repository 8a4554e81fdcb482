// What a log keeps of a request: enough to find it again, nothing that opens a door.
import { createLogger } from '@latchkey/platform/logging/logger'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import { buildApp } from '@latchkey/auth-api/app'
import { newEmail, password, register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

t.test('request lines', async (t) => {
  const { app: silent, deps } = await createTestApp(t, { logLevel: 'info' })
  const { accessToken, refreshToken } = await register(silent)
  const written: string[] = []
  const log = createLogger(deps.config, 'auth-api', { write: (line) => void written.push(line) })
  const app = await buildApp({ ...deps, log })
  t.teardown(() => app.close())
  const linesOf = async (request: InjectOptions): Promise<unknown[]> => {
    written.length = 0
    await app.inject(request)
    return written.map((line) => JSON.parse(line) as unknown)
  }

  await t.test('one line a request, with its id, route, status and time', async (t) => {
    const headers = { authorization: `Bearer ${accessToken}`, 'x-request-id': 'req-1' }
    t.match(await linesOf({ url: '/api/auth/me', headers, remoteAddress: '192.0.2.1' }), [
      {
        level: 'info',
        msg: 'request',
        req: {
          method: 'GET',
          route: '/api/auth/me',
          path: '/api/auth/me',
          requestId: 'req-1',
          ip: '192.0.2.1',
        },
        res: { status: 200, ms: Number },
      },
    ])
  })

  await t.test('a refusal adds its code and the error id that the client got', async (t) => {
    written.length = 0
    const answer = await app.inject('/api/v1/auth/me')
    const { errorId } = answer.json<{ errorId: string }>()
    t.match(
      written.map((line) => JSON.parse(line) as unknown),
      [{ code: 'token_missing', errorId, res: { status: 401 } }],
    )
  })

  await t.test('probes and scrapes that go well leave none, and one when they do not', async (t) => {
    for (const url of ['/health', '/health/ready', '/metrics', '/.well-known/jwks.json'])
      t.same(await linesOf({ url }), [])
    app.drain()
    t.match(await linesOf({ url: '/health/ready' }), [
      { level: 'warn' },
      { msg: 'request', res: { status: 503 } },
    ])
  })

  await t.test('no secret, wherever it was sent', async (t) => {
    const secrets = [
      accessToken,
      refreshToken,
      password,
      'canary-in-query',
      'canary-in-header',
      'canary-in-body',
    ]
    const requests: InjectOptions[] = [
      { url: `/api/v1/auth/me?access_token=${accessToken}&x=canary-in-query` },
      { url: `/api/v1/auth/${refreshToken}` },
      {
        url: '/api/v1/auth/me',
        headers: { authorization: `Bearer ${accessToken}`, cookie: 'a=canary-in-header' },
      },
      { method: 'POST', url: '/api/v1/auth/refresh', payload: { refreshToken } },
      { method: 'POST', url: '/api/v1/auth/login', payload: { email: newEmail(), password } },
      {
        method: 'POST',
        url: '/api/v1/auth/login',
        payload: { email: 'canary-in-body', password, x: 'canary-in-body' },
      },
      {
        method: 'POST',
        url: '/api/v1/auth/login',
        payload: `{"password":"${password}","password":1}`,
        headers: { 'content-type': 'application/json' },
      },
    ]
    for (const request of requests) {
      const text = JSON.stringify(await linesOf(request))
      for (const secret of secrets)
        t.notOk(text.includes(secret), `${secret.slice(0, 16)} in ${text.slice(0, 120)}`)
    }
  })
})
