// Attack: a route that somebody forgot to guard or to limit.
import t from 'tap'
import { buildApp } from '@latchkey/auth-api/app'
import { canonicalUrl } from '@latchkey/auth-api/plugins/route-label'
import { createTestApp } from './support/test-app.js'

const authRoutes = [
  'POST /register none register',
  'POST /signup none register',
  'POST /login none login',
  'POST /refresh none refresh',
  'POST /logout optional general',
  'POST /logout-all session general',
  'POST /2fa/challenge none login',
  'POST /2fa/enrolment/setup none login',
  'POST /2fa/enrolment/verify none login',
  'GET /2fa session general',
  'HEAD /2fa session general',
  'POST /2fa/setup session general',
  'POST /2fa/verify session general',
  'POST /2fa/recovery-codes session general',
  'POST /2fa/disable session general',
  'GET /2fa/devices session general',
  'HEAD /2fa/devices session general',
  'DELETE /2fa/devices session general',
  'DELETE /2fa/devices/:id session general',
  'POST /passkeys/login/options none general',
  'POST /passkeys/login/verify none login',
  'POST /passkeys/step-up/options session general',
  'POST /passkeys/register/options session general',
  'POST /passkeys/register/verify session general',
  'POST /passkeys/enrolment/options none login',
  'POST /passkeys/enrolment/verify none login',
  'GET /passkeys session general',
  'HEAD /passkeys session general',
  'PATCH /passkeys/:id session general',
  'DELETE /passkeys/:id session general',
  'POST /step-up session general',
  'GET /oauth none general',
  'HEAD /oauth none general',
  'GET /oauth/:provider none general',
  'GET /oauth/:provider/callback none login',
  'POST /oauth/exchange none login',
  'POST /oauth/google/nonce none general',
  'POST /google none login',
  'POST /oauth/:provider/link session general',
  'POST /oauth/link session general',
  'POST /oauth/:provider/step-up session general',
  'POST /oauth/step-up session general',
  'GET /identities session general',
  'HEAD /identities session general',
  'DELETE /identities/:id session general',
  'GET /sessions session general',
  'HEAD /sessions session general',
  'DELETE /sessions/:id session general',
  'GET /me session general',
  'HEAD /me session general',
  'PATCH /me session general',
  'DELETE /me session general',
  'GET /me/export session general',
  'POST /change-password session general',
  'POST /change-email session general',
  'POST /change-email/confirm none general',
  'POST /change-email/undo none general',
  'POST /verify-email none general',
  'POST /verify-email/resend none reset',
  'POST /forgot-password none reset',
  'POST /reset-password none login',
  'GET /events session general',
  'HEAD /events session general',
  'GET /csrf-token none general',
  'HEAD /csrf-token none general',
]
const adminRoutes = [
  ...[
    '/users',
    '/users/:id',
    '/users/:id/sessions',
    '/sessions',
    '/events',
    '/alerts',
    '/alerts/:id',
    '/stats',
    '/clients',
    '/queues/:queue/failed',
    '/webhooks',
    '/webhooks/:id',
    '/webhooks/:id/deliveries',
  ].flatMap((path) => [`GET ${path}`, `HEAD ${path}`]),
  'GET /stream',
  'POST /users',
  'PATCH /users/:id',
  'DELETE /users/:id',
  'POST /users/:id/reset-2fa',
  'POST /users/:id/logout-all',
  'DELETE /sessions/:id',
  'POST /alerts/:id/acknowledge',
  'POST /clients',
  'POST /clients/:id/rotate-secret',
  'DELETE /clients/:id',
  'POST /webhooks',
  'PATCH /webhooks/:id',
  'DELETE /webhooks/:id',
  'POST /webhooks/:id/rotate-secret',
  'POST /webhooks/:id/test',
  'POST /webhooks/:id/replay',
  'POST /webhooks/:id/deliveries/:eventId/replay',
  'POST /queues/:queue/jobs/:id/retry',
  'DELETE /queues/:queue/jobs/:id',
].map((route) => `${route} session general`)
const otherRoutes = [
  'GET /health none none',
  'GET /health/ready none none',
  'GET /health/detailed none general',
  'GET /api/health none general',
  'GET /api/health/database none general',
  'GET /api/health/pool-stats none general',
  'GET /.well-known/jwks.json none none',
  'GET /.well-known/oauth-authorization-server none none',
  'GET /metrics none none',
  ...['verify-email', 'reset-password', 'confirm-email-change', 'undo-email-change'].map(
    (page) => `GET /${page} none general`,
  ),
  'GET /mail-links/page.css none general',
  'GET /mail-links/page.js none general',
  'GET /api/csrf-token none general',
  'GET /api/v1/csrf-token none general',
]
const clientRoutes = ['token', 'introspect', 'revoke'].map((name) => `POST /oauth2/${name} none client`)

const { app, api, deps } = await createTestApp(t)

t.test('routes', async (t) => {
  await t.test('these and no others, each with its guard and limit, alike under both prefixes', async (t) => {
    const listed = app.routeInventory
      .filter(({ url }) => !url.startsWith('/api-docs'))
      .map(({ method, url, auth, limit }) => `${method} ${url} ${auth} ${limit}`)
    const expected = [
      ...authRoutes.flatMap((line) =>
        ['/api/v1/auth', '/api/auth'].map((prefix) => line.replace(' /', ` ${prefix}/`)),
      ),
      ...adminRoutes.flatMap((line) =>
        ['/api/v1/admin', '/api/admin'].map((prefix) => line.replace(' /', ` ${prefix}/`)),
      ),
      ...otherRoutes.flatMap((line) => [line, line.replace('GET', 'HEAD')]),
      ...clientRoutes,
    ]
    t.same(listed.toSorted(), expected.toSorted())
    for (const { url, auth, limit } of app.routeInventory.filter((route) =>
      route.url.startsWith('/api-docs'),
    )) {
      t.same({ auth, limit }, { auth: 'none', limit: 'general' }, url)
    }
  })

  await t.test('a guarded route answers nobody', async (t) => {
    for (const { method, url } of app.routeInventory.filter(({ auth }) => auth === 'session')) {
      const answer = await api(method, url.replace(':id', 'x'))
      t.equal(answer.status, 401, `${method} ${url}`)
    }
  })

  await t.test('a route that does not declare both does not start', async (t) => {
    for (const config of [undefined, {}, { auth: 'none' as const }, { limit: 'general' as const }]) {
      const incomplete = await buildApp(deps)
      t.teardown(() => incomplete.close())
      incomplete.get('/forgotten', config === undefined ? {} : { config }, () => 'open')
      await t.rejects(async () => {
        await incomplete.ready()
      }, /GET \/forgotten does not declare config.auth and config.limit/)
    }
  })
})

t.test('OpenAPI', async (t) => {
  const { body } = await api('GET', '/api-docs/openapi.json')
  const document = body as {
    openapi: string
    paths: Record<
      string,
      Record<
        string,
        { summary?: string; tags?: string[]; security?: unknown; responses: Record<string, unknown> }
      >
    >
  }

  await t.test('has every route once, under its canonical prefix, but for pages', async (t) => {
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    )
    const routes = app.routeInventory
      .filter(
        ({ method, url, schema }) =>
          method !== 'HEAD' &&
          !url.startsWith('/api-docs') &&
          schema?.hide !== true &&
          canonicalUrl(url) === url,
      )
      .map(({ method, url }) => `${method} ${url}`)
    t.same(documented.toSorted(), routes.toSorted())
  })

  await t.test('says of each what it is for, who may call it and every way it answers', async (t) => {
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { summary, tags, security, responses }] of Object.entries(methods)) {
        const route = app.routeInventory.find(
          ({ method: name, url }) =>
            name === method.toUpperCase() && url === path.replaceAll(/\{(\w+)\}/g, ':$1'),
        )
        const name = `${method} ${path}`
        t.ok(summary, `${name} has a summary`)
        t.equal(tags?.length, 1, `${name} has a tag`)
        t.ok(responses['500'], name)
        if (route?.limit !== 'none') t.ok(responses['429'], name)
        if (route?.auth === 'session') {
          const cookies = { sessionCookie: [], ...(method !== 'get' && { csrfToken: [] }) }
          t.same(security, [{ accessToken: [] }, cookies], name)
          t.ok(responses['401'], name)
        }
        if (['post', 'patch'].includes(method)) {
          for (const status of ['400', '413', '415']) t.ok(responses[status], `${name} ${status}`)
        }
      }
    }
  })

  await t.test('says how a session is kept in cookies', async (t) => {
    const { paths, components } = body as unknown as {
      paths: Record<string, Record<string, Record<string, unknown>>>
      components: { securitySchemes: unknown; schemas: Record<string, { properties: object }> }
    }
    t.match(components.securitySchemes, {
      sessionCookie: { type: 'apiKey', in: 'cookie', name: 'lk_at' },
      refreshCookie: { type: 'apiKey', in: 'cookie', name: 'lk_rt' },
      csrfToken: { type: 'apiKey', in: 'header', name: 'X-CSRF-Token' },
    })
    for (const path of ['/login', '/register', '/signup']) {
      const { parameters, responses } = paths[`/api/v1/auth${path}`]!['post']!
      t.match(parameters, [
        { in: 'header', name: 'x-session-mode', required: false, schema: { enum: ['cookie'] } },
      ])
      t.match(JSON.stringify(responses), '#/components/schemas/CookieSession')
    }
    t.match(paths['/api/v1/auth/refresh']!['post']!['security'], [{}, { refreshCookie: [], csrfToken: [] }])
    const { properties } = components.schemas['CookieSession']!
    t.same(Object.keys(properties), ['expiresIn', 'refreshExpiresIn', 'sessionId', 'user'])
  })

  await t.test('is also what the page shows', async (t) => {
    t.same((await api('GET', '/api-docs/json')).body, document)
    t.match((await app.inject('/api-docs/')).headers['content-type'], 'text/html')
  })
})
