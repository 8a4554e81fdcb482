// What an operator sees, and that no stranger can make it grow.
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { waitFor } from '@latchkey/devstack/wait-for'
import t from 'tap'
import { newEmail, password } from './support/session-driver.js'
import { createTestApp } from './support/test-app.js'

const open = await createTestApp(t)
const { database } = open

t.test('requests are counted by route pattern', async (t) => {
  const { app, api, deps } = await createTestApp(t, {}, { database })
  const id = '01890000-0000-7000-8000-000000000000'
  for (let n = 0; n < 2; n += 1)
    await api('POST', '/api/v1/auth/login', { body: { email: newEmail(), password } })
  await api('POST', '/api/auth/login', { body: { email: newEmail(), password } })
  await api('DELETE', `/sessions/${id}`)
  await api('DELETE', `/sessions/${'x'.repeat(300)}`)
  for (const path of ['/api/a', '/api/b', '/api/v1/auth/%zz', '/wp-login.php']) {
    await api('GET', path)
  }
  await api('PUT', '/me')

  const { values } = await deps.metrics.httpRequestsTotal.get()
  const counted = values.map(
    ({ labels: { method, route, status_code: status }, value }) => `${value} ${method} ${route} ${status}`,
  )
  t.same(counted.toSorted(), [
    '1 DELETE /api/v1/auth/sessions/:id 401',
    '1 DELETE none 400',
    '1 GET none 400',
    '1 PUT none 405',
    '3 GET none 404',
    '3 POST /api/v1/auth/login 401',
  ])
  const { values: inProgress } = await deps.metrics.httpRequestsInProgress.get()
  t.match(inProgress, [{ value: 0 }])
  t.notMatch(await deps.metrics.registry.metrics(), /wp-login|xxxx|%zz|01890000/)
  t.match(
    await deps.metrics.registry.metrics(),
    /http_request_duration_seconds_count\{method="POST",route="\/api\/v1\/auth\/login",status_code="401"\} 3/,
  )
  t.ok(app)
})

t.test('a request that is aborted is not in progress for ever', async (t) => {
  const { app, deps } = open
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const stalled = httpRequest(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': 20 },
  })
  const failed = once(stalled, 'error')
  stalled.write('{"a"')
  const inProgress = async (): Promise<number> =>
    (await deps.metrics.httpRequestsInProgress.get()).values[0]?.value ?? 0
  await waitFor(async () => (await inProgress()) === 1, { what: 'the request to be in progress' })
  stalled.destroy(new Error('aborted'))
  t.match(await failed, [{ message: 'aborted' }])
  await waitFor(async () => (await inProgress()) === 0, { what: 'the request to be over' })
})

t.test('GET /metrics', async (t) => {
  await t.test('is open without METRICS_TOKEN', async (t) => {
    const answer = await open.app.inject('/metrics')
    t.equal(answer.statusCode, 200)
    t.match(answer.headers['content-type'], 'text/plain; version=0.0.4')
    for (const name of [
      'http_requests_in_progress',
      'process_cpu_seconds_total',
      'db_pool_connections',
      'signing_key_age_seconds',
      'redis_degraded',
    ]) {
      t.match(answer.body, name)
    }
  })

  await t.test('asks for METRICS_TOKEN where one is set, and for nothing else', async (t) => {
    const { api } = await createTestApp(t, { metricsToken: 'a-token-of-metrics-9' }, { database })
    t.match(await api('GET', '/metrics'), { status: 401, body: { code: 'token_missing' } })
    for (const token of ['a-token-of-metrics-', 'a-token-of-metrics-99', 'A-TOKEN-OF-METRICS-9', 'x']) {
      t.match(await api('GET', '/metrics', { token }), { status: 401, body: { code: 'token_invalid' } })
    }
    t.equal((await api('GET', '/metrics', { token: 'a-token-of-metrics-9' })).status, 200)
  })
})
