// Attack: input that no route expects. Every answer is a 4xx problem, nothing breaks, and no row changes. The table goes by the
// inventory of routes, so that a new route is tried without a word here.
import type { Database } from '@latchkey/platform/database/client'
import t from 'tap'
import type { InventoryRoute } from '@latchkey/auth-api/plugins/route-inventory'
import { hostileBodies } from './support/hostile-bodies.js'
import { newOperator } from './support/admins.js'
import { createTestApp, type TestApp } from './support/test-app.js'

const problemType = 'application/problem+json; charset=utf-8'
const id = '01890000-0000-7000-8000-000000000000'
// Forms, and what is refused in the words of OAuth, are tried in oauth-tokens.requests.test.ts; pages in mail-links.pages.test.ts.
const apiRoutes = ({ app }: TestApp): InventoryRoute[] =>
  app.routeInventory.filter(
    ({ url, schema }) => !url.startsWith('/api-docs') && !url.startsWith('/oauth2') && schema?.hide !== true,
  )
const withBody = ({ method }: InventoryRoute): boolean => ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method)

/** All rows of all tables, as one hash. */
async function fingerprintOfRows(db: Database): Promise<unknown> {
  const [row] = await db`
    SELECT md5(concat(
      (SELECT string_agg(x::text, '|' ORDER BY x::text) FROM users x),
      (SELECT string_agg(x::text, '|' ORDER BY x::text) FROM credentials x),
      (SELECT string_agg(x::text, '|' ORDER BY x::text) FROM sessions x),
      (SELECT string_agg(x::text, '|' ORDER BY x::text) FROM one_time_tokens x),
      (SELECT string_agg(x::text, '|' ORDER BY x::text) FROM security_events x),
      (SELECT string_agg(x::text, '|' ORDER BY x::text) FROM outbox x)
    )) AS hash`
  return row?.['hash']
}

t.test('hostile input', async (t) => {
  const testApp = await createTestApp(t)
  const { app, api, db } = testApp
  const { session } = await newOperator(testApp)
  const { accessToken, refreshToken } = session

  await t.test('bodies that no route accepts', async (t) => {
    const before = await fingerprintOfRows(db)

    for (const route of apiRoutes(testApp).filter(withBody)) {
      const surprises = []
      for (const { name, payload, contentType = 'application/json', expected } of hostileBodies(
        route.schema?.body,
      )) {
        const answer = await app.inject({
          method: route.method as 'POST',
          url: route.url.replace(':id', id),
          headers: { authorization: `Bearer ${accessToken}`, 'content-type': contentType },
          payload,
        })
        const { code, status } = answer.json<{ code: string; status: number }>()
        const isAsExpected =
          code === expected.code &&
          status === expected.status &&
          answer.statusCode === status &&
          answer.headers['content-type'] === problemType &&
          answer.body.length < 600 &&
          !/xxxxxxxxx|canary/.test(answer.body)
        if (!isAsExpected) surprises.push({ name, expected, got: answer.body.slice(0, 200) })
      }
      t.same(surprises, [], `${route.method} ${route.url}`)
    }
    t.equal(await fingerprintOfRows(db), before, 'no row changed')
  })

  await t.test('a body of exactly 64 KiB is read', async (t) => {
    const shell = JSON.stringify({ refreshToken: '' }).length
    const body = { refreshToken: 'x'.repeat(64 * 1024 - shell) }
    t.match(await api('POST', '/refresh', { body }), {
      status: 400,
      body: { code: 'validation_failed', errors: [{ path: '/refreshToken' }] },
    })
  })

  await t.test('credentials in a query string do not work, known names or not, once or twice', async (t) => {
    const before = await fingerprintOfRows(db)
    const queries = [
      `refreshToken=${refreshToken}`,
      `access_token=${accessToken}`,
      'email=a@example.com&password=x',
      'a=1&a=2',
      '__proto__[x]=1',
      'a',
      '=',
      '%00=%00',
      `${'a'.repeat(4000)}=1`,
    ]
    for (const route of apiRoutes(testApp)) {
      if (route.limit === 'none') continue
      for (const query of queries) {
        const answer = await app.inject({
          method: route.method as 'POST',
          url: `${route.url.replace(':id', id)}?${query}`,
          headers: { authorization: `Bearer ${accessToken}` },
          ...(withBody(route) && { payload: {} }),
        })
        t.equal(answer.statusCode, 400, `${route.method} ${route.url}?${query.slice(0, 30)}`)
      }
    }
    t.equal(await fingerprintOfRows(db), before, 'no row changed')
  })

  await t.test('paths that are no paths', async (t) => {
    const before = await fingerprintOfRows(db)
    const parts = [
      ['%', 400],
      ['%zz', 400],
      ['%c0%af', 400],
      ['%ff', 400],
      ['%00', 400],
      ['..%2f..%2fme', 400],
      ['x'.repeat(129), 400],
      ['x'.repeat(8000), 400],
      ['not-a-uuid', 400],
      [`${id}%0d%0aX-Injected:%201`, 400],
      [`${id.toUpperCase()}x`, 400],
      [`${id}/`, 404],
      [`${id}/more`, 404],
      [`${id};a=b`, 400],
      ['', 400],
      [id, 404],
      [id.toUpperCase(), 404],
    ] as const
    for (const prefix of ['/api/v1/auth', '/api/auth']) {
      for (const [part, status] of parts) {
        const answer = await app.inject({
          method: 'DELETE',
          url: `${prefix}/sessions/${part}`,
          headers: { authorization: `Bearer ${accessToken}` },
        })
        t.equal(answer.statusCode, status, `DELETE /sessions/${part.slice(0, 50)}`)
        t.equal(answer.headers['content-type'], problemType)
        t.type(answer.headers['x-request-id'], 'string')
        t.notMatch(answer.headers, { 'x-injected': '1' })
      }
    }
    t.equal(await fingerprintOfRows(db), before, 'no row changed')
  })

  await t.test('the files of the API page', async (t) => {
    const css = '/api-docs/static/index.css'
    const requests: [string, Record<string, string>][] = [
      [css, { range: 'bytes=999999-' }],
      [css, { range: 'bytes=a-b' }],
      [css, { 'if-match': '"x"' }],
      ['/api-docs/static/%00', {}],
      ['/api-docs/static/a%00b.css', {}],
      ['/api-docs/static/..%2f..%2fpackage.json', {}],
      ['/api-docs/static/%5c..%5c..%5cpackage.json', {}],
      ['/api-docs/static//etc/passwd', {}],
      ['/api-docs/static/.hidden', {}],
      [`/api-docs/static/${'a'.repeat(5000)}`, {}],
    ]
    for (const [url, headers] of requests) {
      const answer = await app.inject({ url, headers })
      t.match(answer, { statusCode: 404, headers: { 'content-type': problemType } }, url.slice(0, 60))
    }
    t.equal((await app.inject(css)).statusCode, 200)
  })

  await t.test('methods that a path does not know are refused before their body is read', async (t) => {
    const urls = [...new Set(apiRoutes(testApp).map(({ url }) => url))]
    for (const url of urls) {
      const known = apiRoutes(testApp)
        .filter((route) => route.url === url)
        .map(({ method }) => method)
      for (const method of [
        'GET',
        'HEAD',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
        'OPTIONS',
        'TRACE',
        'QUERY',
        'PROPFIND',
      ] as const) {
        if (known.includes(method)) continue
        const answer = await testApp.app.inject({
          method: method as 'PUT',
          url: url.replace(':id', id),
          headers: { 'content-type': 'application/json' },
          payload: 'not json',
        })
        t.equal(answer.statusCode, 405, `${method} ${url}`)
        t.equal(answer.headers['allow'], known.toSorted().join(', '))
      }
    }
  })
})
