// An operator's alerts stand on these names; and a label that grows with attackers brings Prometheus down.
// Alone: it starts servers and processes of its own.
import { spawnSync } from 'node:child_process'
import { createMetrics, type MeteredService, type Metrics } from '@latchkey/platform/metrics/metrics'
import t from 'tap'

const common = [
  'cache_hits_total',
  'cache_misses_total',
  'database_errors_total',
  'database_query_duration_seconds',
  'db_pool_connections',
  'redis_degraded',
]
const own: Record<MeteredService, string[]> = {
  'auth-api': [
    'auth_attempts_total',
    'auth_refresh_total',
    'http_request_duration_seconds',
    'http_requests_in_progress',
    'http_requests_total',
    'password_hash_duration_seconds',
    'password_hash_queue',
    'signing_key_age_seconds',
  ],
  worker: [
    'backup_duration_seconds',
    'backup_last_success_timestamp_seconds',
    'backup_size_bytes',
    'database_size_bytes',
    'database_table_bloat_bytes',
    'database_table_dead_rows',
    'database_table_size_bytes',
    'database_xid_age',
    'mail_sent_total',
    'queue_job_duration_seconds',
    'queue_jobs',
    'security_alerts_open',
    'security_alerts_total',
    'security_events_lag_seconds',
    'security_events_total',
    'sessions_active',
    'token_cleanup_deleted_total',
    'token_cleanup_duration_seconds',
    'webhook_deliveries_total',
  ],
}

/** One value for everything, as a busy process has. */
function feed(metrics: Metrics): void {
  const labels = { operation: 'select', table: 'users' }
  metrics.httpRequestDurationSeconds.observe({ method: 'POST', route: '/login', status_code: '200' }, 0.01)
  metrics.httpRequestsTotal.inc({ method: 'POST', route: '/login', status_code: '200' })
  metrics.httpRequestsInProgress.inc()
  metrics.authAttemptsTotal.inc({ status: 'success', type: 'login' })
  metrics.authRefreshTotal.inc({ outcome: 'rotated' })
  metrics.passwordHashDurationSeconds.observe(0.02)
  metrics.passwordHashQueue.set(1)
  metrics.signingKeyAgeSeconds.set(1)
  metrics.databaseQueryDurationSeconds.observe(labels, 0.001)
  metrics.databaseErrorsTotal.inc({ operation: 'select', error_type: '57014' })
  metrics.dbPoolConnections.set({ pool: 'transaction', state: 'idle' }, 1)
  metrics.cacheHitsTotal.inc({ cache_type: 'revocation' })
  metrics.cacheMissesTotal.inc({ cache_type: 'revocation' })
  metrics.redisDegraded.set(0)
  metrics.sessionsActive.set(1)
  metrics.tokenCleanupDeletedTotal.inc({ kind: 'session' })
  metrics.tokenCleanupDurationSeconds.observe(1)
  metrics.securityEventsTotal.inc({ type: 'login.failed', severity: 'notice' })
  metrics.securityEventsLagSeconds.set(0.1)
  metrics.securityAlertsTotal.inc({ rule: 'brute-force' })
  metrics.securityAlertsOpen.set({ severity: 'warning' }, 1)
  metrics.backupLastSuccessTimestampSeconds.set(1)
  metrics.backupSizeBytes.set(1)
  metrics.backupDurationSeconds.set(1)
  metrics.databaseSizeBytes.set(1)
  metrics.databaseXidAge.set(1)
  metrics.databaseTableSizeBytes.set({ table: 'users' }, 1)
  metrics.databaseTableBloatBytes.set({ table: 'users' }, 1)
  metrics.databaseTableDeadRows.set({ table: 'users' }, 1)
  metrics.mailSentTotal.inc({ template: 'new-device', status: 'sent' })
  metrics.webhookDeliveriesTotal.inc({ status: 'delivered' })
  metrics.queueJobs.set({ queue: 'maintenance', state: 'waiting' }, 1)
  metrics.queueJobDurationSeconds.observe({ queue: 'maintenance', name: 'clean-expired-tokens' }, 1)
}

const hasPromtool = spawnSync('promtool', ['--version']).status === 0

for (const service of ['auth-api', 'worker'] as const) {
  const other = service === 'worker' ? 'auth-api' : 'worker'

  t.test(`${service} exposes what it feeds and nothing that only the ${other} knows`, async (t) => {
    const metrics = createMetrics(service)
    feed(metrics)
    const text = await metrics.registry.metrics()
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? '')
    const ours = names.filter((name) => !/^(process|nodejs)_/.test(name)).toSorted()
    t.same(ours, [...common, ...own[service]].toSorted())
    t.ok(
      names.includes('process_resident_memory_bytes') && names.includes('nodejs_eventloop_lag_p99_seconds'),
    )
  })

  t.test(`what ${service} exposes is well formed`, async (t) => {
    const metrics = createMetrics(service)
    feed(metrics)
    const text = await metrics.registry.metrics()
    for (const line of text.split('\n')) {
      t.match(
        line,
        /^$|^# (HELP|TYPE) [a-z0-9_]+ \S.*$|^[a-z0-9_]+(\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\})? ([-+]?[\d.]+(e[-+]?\d+)?|Nan)$/,
      )
    }
    if (hasPromtool) {
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: text,
        encoding: 'utf8',
      })
      t.equal(status, 0, 'promtool check metrics')
      t.equal(stdout + stderr, '')
    }
  })
}

t.test(
  'ends that are known in advance stand at zero from the start, so that the first one is an increase',
  async (t) => {
    const text = await createMetrics('auth-api').registry.metrics()
    for (const outcome of [
      'rotated',
      'race',
      'retry',
      'recovery',
      'superseded',
      'reused',
      'ahead',
      'dead',
      'forged',
    ]) {
      t.match(text, `auth_refresh_total{outcome="${outcome}"} 0\n`)
    }
    t.match(text, 'auth_attempts_total{type="login",status="failure"} 0\n')
  },
)

t.test('two processes in one test do not share a registry', async (t) => {
  const [one, two] = [createMetrics('auth-api'), createMetrics('auth-api')]
  one.redisDegraded.set(1)
  t.match(await one.registry.metrics(), 'redis_degraded 1')
  t.match(await two.registry.metrics(), 'redis_degraded 0')
})

t.test('a sample is taken at each scrape, and one that fails costs nobody else', async (t) => {
  const metrics = createMetrics('worker')
  let scrapes = 0
  metrics.onScrape(metrics.sessionsActive, () => metrics.sessionsActive.set((scrapes += 1)))
  metrics.queueJobs.set({ queue: 'maintenance', state: 'failed' }, 7)
  metrics.onScrape(metrics.queueJobs, async () => {
    throw new Error('Redis is away')
  })
  t.match(await metrics.registry.metrics(), 'sessions_active 1\n')
  const text = await metrics.registry.metrics()
  t.match(text, 'sessions_active 2\n')
  t.notMatch(text, 'queue_jobs{', 'no figure rather than an old one')
})
