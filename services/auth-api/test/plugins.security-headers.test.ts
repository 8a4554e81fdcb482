// Attack: a browser is talked into running, framing or keeping what it was sent.
import t from 'tap'
import { register } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const expected = {
  'content-security-policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

t.test('headers of every answer', async (t) => {
  const { app, api } = await createTestApp(t)
  const { accessToken } = await register(app)

  await t.test('every route, refused or not', async (t) => {
    for (const { method, url, schema } of app.routeInventory) {
      if (url.startsWith('/api-docs') || schema?.hide === true) continue
      for (const token of [undefined, accessToken, 'bad']) {
        const { headers } = await api(method, url, token === undefined ? {} : { token })
        t.match(headers, expected, `${method} ${url}`)
        t.equal(headers['x-powered-by'], undefined)
        t.equal(headers['server'], undefined)
        if (!url.startsWith('/.well-known/'))
          t.equal(headers['cache-control'], 'no-store', `${method} ${url}`)
      }
    }
  })

  await t.test('answers that no route gives', async (t) => {
    for (const path of ['/api/nothing', '/api/v1/auth/%zz', `/api/v1/auth/sessions/${'x'.repeat(200)}`]) {
      t.match(
        (await api('DELETE', path)).headers,
        { ...expected, 'cache-control': 'no-store' },
        path.slice(0, 40),
      )
    }
    t.match((await api('PUT', '/me')).headers, expected)
  })

  await t.test('only what is published may be kept, for five minutes', async (t) => {
    for (const path of ['/.well-known/jwks.json', '/.well-known/oauth-authorization-server'])
      t.match(await api('GET', path), { headers: { 'cache-control': 'public, max-age=300' } })
  })

  await t.test('the API page runs nothing but its own files', async (t) => {
    for (const path of ['/api-docs', '/api-docs/', '/api-docs/static/swagger-ui-bundle.js']) {
      const answer = await app.inject(path)
      const policy = String(answer.headers['content-security-policy'])
      t.equal(answer.statusCode, 200, path)
      t.match(policy, "default-src 'none'; script-src 'self'; style-src 'self'")
      t.notMatch(policy, /unsafe|https:|\*/)
    }
    t.notMatch((await app.inject('/api-docs/')).body, /<script>|<style>| style=| on\w+=/)
  })
})
