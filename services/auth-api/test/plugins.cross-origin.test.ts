// Attack: another site's script reads our answers with its visitor's browser.
import t from 'tap'
import { createTestApp } from './support/test-app.js'

const allowed = 'https://app.example.com'
const others = [
  'null',
  'https://app.example.com.evil.example',
  'https://evil-app.example.com',
  'https://sub.app.example.com',
  'http://app.example.com',
  'https://app.example.com:8443',
  'https://APP.example.com',
  'https://app.example.com/',
  'https://app.example.com https://evil.example',
  '*',
]

const { api: apiWithoutList, database } = await createTestApp(t)

t.test('origins', async (t) => {
  const { api } = await createTestApp(t, { allowedOrigins: [allowed, 'http://localhost:5173'] }, { database })
  const preflight = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,idempotency-key',
  }

  await t.test('an origin of the list may call and read, with credentials', async (t) => {
    const asked = await api('OPTIONS', '/refresh', { headers: { origin: allowed, ...preflight } })
    t.match(asked, {
      status: 204,
      headers: {
        'access-control-allow-origin': allowed,
        'access-control-allow-credentials': 'true',
        'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
        'access-control-max-age': '3600',
        vary: /Origin/,
      },
    })
    for (const name of [
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'X-CSRF-Token',
      'X-Session-Mode',
    ]) {
      t.match(asked.headers['access-control-allow-headers'], name)
    }
    const called = await api('GET', '/me', { headers: { origin: allowed } })
    t.match(called, { status: 401, headers: { 'access-control-allow-origin': allowed, vary: /Origin/ } })
    for (const name of [
      'RateLimit-Limit',
      'RateLimit-Remaining',
      'RateLimit-Reset',
      'Retry-After',
      'X-Request-Id',
    ]) {
      t.match(called.headers['access-control-expose-headers'], name)
    }
  })

  await t.test('every other origin gets no permission, and is never reflected', async (t) => {
    for (const origin of others) {
      for (const answer of [
        await api('OPTIONS', '/refresh', { headers: { origin, ...preflight } }),
        await api('GET', '/me', { headers: { origin } }),
        await api('GET', '/health', { headers: { origin } }),
      ]) {
        t.equal(answer.headers['access-control-allow-origin'], undefined, origin)
        t.equal(answer.headers['access-control-allow-credentials'], undefined)
        t.notMatch(JSON.stringify(answer), 'evil')
        t.match(answer.headers['vary'], 'Origin', 'so that a cache does not hand it to the allowed one')
      }
    }
  })
})

t.test('without a list nobody is allowed', async (t) => {
  for (const origin of [allowed, 'null']) {
    const answer = await apiWithoutList('GET', '/me', { headers: { origin } })
    t.equal(answer.headers['access-control-allow-origin'], undefined)
  }
})
