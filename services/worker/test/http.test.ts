/** What probes and Prometheus see of a worker. */
// Alone: it starts servers and processes of its own.
import { execFileSync } from 'node:child_process'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { waitFor } from '@latchkey/devstack/wait-for'
import type { Config } from '@latchkey/platform/config/config'
import { buildHttp } from '@latchkey/worker/http'
import { startWorker } from '@latchkey/worker/worker'
import { createTestDeps } from './support/test-deps.js'

async function createTestHttp(t: Test, settings: Partial<Config> = {}, isShuttingDown = () => false) {
  const world = await createTestDeps(t, settings)
  const app = buildHttp(world.deps, { isShuttingDown })
  t.teardown(() => app.close())
  return { ...world, app }
}

t.test(
  'health: alive, ready, degraded without Redis, not ready without PostgreSQL or during shutdown',
  async (t) => {
    let isShuttingDown = false
    const { app, deps } = await createTestHttp(t, {}, () => isShuttingDown)
    await waitFor(() => deps.redis.isAvailable(), { what: 'Redis' })
    t.match(await app.inject('/health'), { statusCode: 200, body: '{"status":"ok"}' })
    t.match(await app.inject('/health/ready'), {
      statusCode: 200,
      body: '{"status":"ready"}',
      headers: { 'cache-control': 'no-store' },
    })
    isShuttingDown = true
    t.match((await app.inject('/health/ready')).json(), { status: 503, code: 'unavailable' })
    t.equal((await app.inject('/health')).statusCode, 200)

    const withoutRedis = await createTestHttp(t, { redisUrl: null })
    t.match(await withoutRedis.app.inject('/health/ready'), {
      statusCode: 200,
      body: '{"status":"degraded"}',
    })

    const nowhere = 'postgres://nobody@127.0.0.1:1/nothing'
    const withoutDatabase = await createTestHttp(t, { databaseUrl: nowhere, databaseUrlTransaction: nowhere })
    const answer = await withoutDatabase.app.inject('/health/ready')
    t.match(answer, {
      statusCode: 503,
      headers: { 'retry-after': '1', 'content-type': /^application\/problem\+json/ },
    })
    t.match(answer.json(), { code: 'unavailable', title: String, errorId: String })
    t.equal((await withoutDatabase.app.inject('/health')).statusCode, 200)
  },
)

t.test('metrics ask for METRICS_TOKEN when there is one', async (t) => {
  const open = await createTestHttp(t)
  t.match(await open.app.inject('/metrics'), {
    statusCode: 200,
    headers: { 'content-type': /^text\/plain; version=0\.0\.4/ },
  })

  const metricsToken = 'a-token-of-some-length'
  const { app } = await createTestHttp(t, { metricsToken })
  const ask = (authorization?: string) =>
    app.inject({ url: '/metrics', ...(authorization !== undefined && { headers: { authorization } }) })
  t.match(await ask(), { statusCode: 401, headers: { 'www-authenticate': 'Bearer' } })
  t.match((await ask()).json(), { code: 'token_missing' })
  for (const wrong of [
    `Bearer ${metricsToken}x`,
    `Basic ${metricsToken}`,
    'Bearer',
    metricsToken,
    'Bearer a b',
  ]) {
    const answer = await ask(wrong)
    t.equal(answer.statusCode, 401, wrong)
    t.match(answer.json(), { code: 'token_invalid' })
  }
  t.equal((await ask(`bearer ${metricsToken}`)).statusCode, 200)
})

t.test('the metrics of a working worker are what Prometheus expects', async (t) => {
  const { app, deps } = await createTestHttp(t)
  const worker = startWorker(deps)
  t.teardown(() => worker.stop(5000))
  await waitFor(async () => (await app.inject('/metrics')).body.includes('name="clean-expired-tokens"'), {
    what: 'a first turn',
  })
  const { body } = await app.inject('/metrics')
  for (const line of [
    'sessions_active ',
    'queue_jobs{queue="maintenance",state="delayed"} ',
    'queue_jobs{queue="security-events",state="failed"} 0',
    'queue_job_duration_seconds_count{queue="maintenance",name="clean-expired-tokens"} ',
    'token_cleanup_duration_seconds_count ',
    'db_pool_connections{pool="transaction",state="idle"} ',
    'database_query_duration_seconds_count{operation="select",table="sessions"} ',
    'redis_degraded 0',
    'process_resident_memory_bytes ',
  ])
    t.ok(body.includes(`\n${line}`), line)
  t.notMatch(body, 'http_requests_total', 'what only the api feeds is not exposed')
  t.doesNotThrow(() => checkWithPromtool(body))
})

t.test('anything else is a problem, and nothing is logged for what goes well', async (t) => {
  const { app, lines } = await createTestHttp(t)
  const refusals = [
    [await app.inject('/nothing'), 404, 'not_found'],
    [await app.inject({ method: 'POST', url: '/health', payload: { a: 1 } }), 405, 'method_not_allowed'],
    [await app.inject({ method: 'DELETE', url: '/metrics' }), 405, 'method_not_allowed'],
    [await app.inject('/health/%'), 400, 'validation_failed'],
  ] as const
  for (const [answer, status, code] of refusals) {
    t.equal(answer.statusCode, status)
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
    t.match(answer.json(), { status, code, type: `urn:latchkey:error:${code}` })
  }
  t.equal(refusals[1][0].headers.allow, 'GET, HEAD')
  await app.inject('/health')
  await app.inject('/health/ready')
  await app.inject('/metrics')
  t.same(
    lines.filter(({ msg }) => /request|completed/.test(msg)),
    [],
  )
})

t.test('what is no HTTP is answered as a problem and cut off', async (t) => {
  const { app } = await createTestHttp(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = new URL(app.listeningOrigin)
  t.match(await send(Number(port), 'GARBAGE\r\n\r\n'), /^HTTP\/1\.1 400 .*"code":"malformed_body"/s)
  const huge = `GET /health HTTP/1.1\r\nHost: x\r\nX-Huge: ${'x'.repeat(20_000)}\r\n\r\n`
  t.match(await send(Number(port), huge), /^HTTP\/1\.1 431 .*"code":"headers_too_large"/s)
})

/** What the server says until it hangs up. */
function send(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk))
    socket.on('error', reject).on('close', () => resolve(answer))
  })
}

/** Where it is installed. */
function checkWithPromtool(text: string): void {
  try {
    execFileSync('promtool', ['check', 'metrics'], { input: text, stdio: ['pipe', 'pipe', 'pipe'] })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}
