import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { alertRules } from '@latchkey/contracts/alerts'
import { mailTemplateNames } from '@latchkey/contracts/mails'
import { bucketsSeconds } from './buckets.js'

export type MeteredService = 'auth-api' | 'worker'

export type Metrics = ReturnType<typeof createMetrics>

/** Ends of a refresh as rotation.md's table names them, and of an access token's check. */
const refreshOutcomes = [
  'rotated',
  'race',
  'retry',
  'recovery',
  'superseded',
  'reused',
  'ahead',
  'device_changed',
  'dead',
  'forged',
] as const
/** `sent` includes what development keeps in its folder; `retried` is a try that will be repeated; `skipped` has nobody to go to, or no way. */
const mailStatuses = ['sent', 'retried', 'failed', 'skipped'] as const
/** `retried` is a try that will be repeated; `dead` waits for somebody to replay it. */
const deliveryStatuses = ['delivered', 'retried', 'dead'] as const
const attemptTypes = ['login', 'register', 'refresh', 'reset', 'oauth'] as const
const attemptStatuses = ['success', 'failure'] as const

// Gauges that prom-client calls `_total`, which promtool refuses; `nodejs_active_resources` and its siblings say the same.
const misnamedDefaults = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/**
 * Every metric of one process, in a registry of its own.
 * A metric that only the other service feeds exists here too, so that shared code need not ask, but is not exposed: a gauge
 * that stays 0 on every api would spoil the sum. Labels have few values that we choose; none comes from a request.
 */
export function createMetrics(service: MeteredService) {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of misnamedDefaults) registry.removeSingleMetric(name)

  const samplers = new WeakMap<object, () => void | Promise<void>>()
  const shared = [registry]
  const apiOnly = service === 'auth-api' ? [registry] : []
  const workerOnly = service === 'worker' ? [registry] : []

  function gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    registers: Registry[],
  ) {
    return new Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        try {
          await samplers.get(this)?.()
        } catch {
          this.reset() // one value that cannot be read must not cost the scrape all others
        }
      },
    })
  }

  const metrics = {
    registry,

    httpRequestDurationSeconds: histogram(
      'http_request_duration_seconds',
      'Time from the request line to the last byte of the answer, by route pattern.',
      ['method', 'route', 'status_code'],
      bucketsSeconds.request,
      apiOnly,
    ),
    httpRequestsTotal: counter(
      'http_requests_total',
      'Answered requests, by route pattern.',
      ['method', 'route', 'status_code'],
      apiOnly,
    ),
    httpRequestsInProgress: gauge(
      'http_requests_in_progress',
      'Requests that are being answered.',
      [],
      apiOnly,
    ),
    authAttemptsTotal: counter('auth_attempts_total', 'Attempts to get tokens.', ['status', 'type'], apiOnly),
    authRefreshTotal: counter(
      'auth_refresh_total',
      'Refreshes by the rule that decided them.',
      ['outcome'],
      apiOnly,
    ),
    passwordHashDurationSeconds: histogram(
      'password_hash_duration_seconds',
      'Time to compute or verify one password hash, without the wait for it.',
      [],
      bucketsSeconds.hash,
      apiOnly,
    ),
    passwordHashQueue: gauge('password_hash_queue', 'Password hashes that wait for their turn.', [], apiOnly),
    signingKeyAgeSeconds: gauge(
      'signing_key_age_seconds',
      'Time since the signing key in use was activated.',
      [],
      apiOnly,
    ),

    databaseQueryDurationSeconds: histogram(
      'database_query_duration_seconds',
      'Time of a statement, the wait for a connection included.',
      ['operation', 'table'],
      bucketsSeconds.query,
      shared,
    ),
    databaseErrorsTotal: counter(
      'database_errors_total',
      'Statements that failed.',
      ['operation', 'error_type'],
      shared,
    ),
    dbPoolConnections: gauge(
      'db_pool_connections',
      'PostgreSQL connections of this process.',
      ['pool', 'state'],
      shared,
    ),
    cacheHitsTotal: counter('cache_hits_total', 'Look-ups that a cache answered.', ['cache_type'], shared),
    cacheMissesTotal: counter(
      'cache_misses_total',
      'Look-ups that a cache could not answer.',
      ['cache_type'],
      shared,
    ),
    redisDegraded: gauge('redis_degraded', '1 while this process works without Redis, else 0.', [], shared),

    sessionsActive: gauge('sessions_active', 'Sessions that can be refreshed.', [], workerOnly),
    tokenCleanupDeletedTotal: counter(
      'token_cleanup_deleted_total',
      'Rows that cleanup deleted.',
      ['kind'],
      workerOnly,
    ),
    tokenCleanupDurationSeconds: histogram(
      'token_cleanup_duration_seconds',
      'Time of one cleanup run.',
      [],
      bucketsSeconds.job,
      workerOnly,
    ),
    securityEventsTotal: counter(
      'security_events_total',
      'Security events persisted.',
      ['type', 'severity'],
      workerOnly,
    ),
    securityEventsLagSeconds: gauge(
      'security_events_lag_seconds',
      'Age of the oldest event of the batch that was persisted last.',
      [],
      workerOnly,
    ),
    securityAlertsTotal: counter(
      'security_alerts_total',
      'Incidents that raised an alert, by the rule that found them.',
      ['rule'],
      workerOnly,
    ),
    securityAlertsOpen: gauge(
      'security_alerts_open',
      'Alerts that nobody has acknowledged, the same figure from every worker.',
      ['severity'],
      workerOnly,
    ),
    mailSentTotal: counter(
      'mail_sent_total',
      'Mails by what became of them.',
      ['template', 'status'],
      workerOnly,
    ),
    backupLastSuccessTimestampSeconds: gauge(
      'backup_last_success_timestamp_seconds',
      'When the last good backup was complete, by any worker.',
      [],
      workerOnly,
    ),
    backupSizeBytes: gauge('backup_size_bytes', 'Size of the last good backup.', [], workerOnly),
    backupDurationSeconds: gauge(
      'backup_duration_seconds',
      'Time that the last good backup took, its check included.',
      [],
      workerOnly,
    ),
    databaseSizeBytes: gauge('database_size_bytes', 'Size of the database on disk.', [], workerOnly),
    databaseXidAge: gauge(
      'database_xid_age',
      'Transactions since the oldest one that is not frozen; PostgreSQL stops writing at two billion.',
      [],
      workerOnly,
    ),
    databaseTableSizeBytes: gauge(
      'database_table_size_bytes',
      'Size of a table with its indexes; partitions count for the table that they belong to.',
      ['table'],
      workerOnly,
    ),
    databaseTableBloatBytes: gauge(
      'database_table_bloat_bytes',
      'Space of a table that holds no row, as an estimate.',
      ['table'],
      workerOnly,
    ),
    databaseTableDeadRows: gauge(
      'database_table_dead_rows',
      'Dead rows that vacuum has not taken yet.',
      ['table'],
      workerOnly,
    ),
    webhookDeliveriesTotal: counter(
      'webhook_deliveries_total',
      'Deliveries to webhooks by what became of them.',
      ['status'],
      workerOnly,
    ),
    queueJobs: gauge('queue_jobs', 'Jobs in a queue.', ['queue', 'state'], workerOnly),
    queueJobDurationSeconds: histogram(
      'queue_job_duration_seconds',
      'Time of one run of a job.',
      ['queue', 'name'],
      bucketsSeconds.job,
      workerOnly,
    ),

    /** Calls `sample`, which sets the gauge, at every scrape: for values that are cheap to read and dear to keep current. */
    onScrape<Label extends string>(sampled: Gauge<Label>, sample: () => void | Promise<void>): void {
      samplers.set(sampled, sample)
    },
  }

  // Known children start at 0: increase() over a counter that appears with its first event misses that event.
  for (const outcome of refreshOutcomes) metrics.authRefreshTotal.inc({ outcome }, 0)
  for (const type of attemptTypes) {
    for (const status of attemptStatuses) metrics.authAttemptsTotal.inc({ type, status }, 0)
  }
  for (const template of mailTemplateNames) {
    for (const status of mailStatuses) metrics.mailSentTotal.inc({ template, status }, 0)
  }
  for (const rule of alertRules) metrics.securityAlertsTotal.inc({ rule }, 0)
  for (const status of deliveryStatuses) metrics.webhookDeliveriesTotal.inc({ status }, 0)
  return metrics
}

function counter<Label extends string>(
  name: string,
  help: string,
  labelNames: readonly Label[],
  registers: Registry[],
) {
  return new Counter({ name, help, labelNames, registers })
}

function histogram<Label extends string>(
  name: string,
  help: string,
  labelNames: readonly Label[],
  buckets: readonly number[],
  registers: Registry[],
) {
  return new Histogram({ name, help, labelNames, buckets: [...buckets], registers })
}
