import { queueNames } from '@latchkey/contracts/queues'
import { maxWebhooks } from '@latchkey/contracts/webhooks'
import type { Config } from '@latchkey/platform/config/config'
import { createConsumer, type Consumer } from '@latchkey/platform/queue/consumer'
import { queueCounts } from '@latchkey/platform/queue/queues'
import type { Deps } from './deps.js'
import { backUpDaily, showLastBackup } from './jobs/back-up/back-up-daily.js'
import { cleanAlerts } from './alerts/clean-alerts.js'
import { countOpenAlerts } from './alerts/queries.js'
import { tellOperators } from './alerts/tell-operators.js'
import { cleanDetection, detectAttacks } from './detection/detect-attacks.js'
import { anchorAuditLog } from './jobs/anchor-audit-log/anchor-audit-log.js'
import { applyRetention } from './jobs/apply-retention/apply-retention.js'
import { cleanExpiredTokens } from './jobs/clean-expired-tokens/clean-expired-tokens.js'
import { persistSecurityEvents } from './jobs/persist-security-events/persist-security-events.js'
import { pseudonymiseErased } from './jobs/pseudonymise-erased/pseudonymise-erased.js'
import { readStats, refreshStats } from './jobs/refresh-stats/refresh-stats.js'
import { relayOutbox } from './jobs/relay-outbox/relay-outbox.js'
import { reportOnDatabase, showReport } from './jobs/report-on-database/report-on-database.js'
import { rollPartitions } from './jobs/roll-partitions/roll-partitions.js'
import { rotateSigningKeys } from './jobs/rotate-signing-keys/rotate-signing-keys.js'
import { cleanMails } from './jobs/send-mail/clean-mails.js'
import { mailsAtOnce, relayMails } from './jobs/send-mail/relay-mails.js'
import { runMailJob } from './jobs/send-mail/run-mail-job.js'
import { cleanWebhooks } from './jobs/deliver-webhooks/clean-webhooks.js'
import { deliverWebhooks } from './jobs/deliver-webhooks/deliver-webhooks.js'
import { relayWebhooks } from './jobs/deliver-webhooks/relay-webhooks.js'
import { maintenanceProcessor } from './scheduling/maintenance-processor.js'
import type { MaintenanceTask } from './scheduling/maintenance-task.js'
import { startSchedule, type Schedule } from './scheduling/schedule.js'
import { createTaskRunner } from './scheduling/task-runner.js'

const seconds = 1000
const hours = 3600 * seconds

/** Everything that comes round by itself. */
export function maintenanceTasks(config: Pick<Config, 'tokenCleanupIntervalMs'>): MaintenanceTask[] {
  return [
    // An event shows up after a quarter of a second on average. Finding nothing costs one index look-up for all workers.
    { name: 'relay-outbox', everyMs: 0.5 * seconds, runs: 'beside-others', run: relayOutbox },
    {
      name: 'clean-expired-tokens',
      everyMs: config.tokenCleanupIntervalMs,
      runs: 'alone',
      run: (deps, signal) => cleanExpiredTokens(deps, { signal }),
    },
    { name: 'rotate-signing-keys', everyMs: 24 * hours, runs: 'beside-others', run: rotateSigningKeys },
    { name: 'roll-partitions', everyMs: 6 * hours, runs: 'beside-others', run: rollPartitions },
    { name: 'apply-retention', everyMs: 6 * hours, runs: 'beside-others', run: applyRetention },
    { name: 'anchor-audit-log', everyMs: 300 * seconds, runs: 'beside-others', run: anchorAuditLog },
    { name: 'refresh-stats', everyMs: 30 * seconds, runs: 'beside-others', run: refreshStats },
    { name: 'report-on-database', everyMs: 600 * seconds, runs: 'beside-others', run: reportOnDatabase },
    { name: 'back-up', everyMs: 1 * hours, runs: 'alone', run: backUpDaily },
    { name: 'relay-mails', everyMs: 1 * seconds, runs: 'beside-others', run: relayMails },
    { name: 'clean-mails', everyMs: 1 * hours, runs: 'beside-others', run: cleanMails },
    // Within a second of being stored; a row lock keeps workers apart.
    { name: 'detect-attacks', everyMs: 1 * seconds, runs: 'beside-others', run: detectAttacks },
    { name: 'clean-detection', everyMs: 60 * seconds, runs: 'beside-others', run: cleanDetection },
    { name: 'relay-webhooks', everyMs: 1 * seconds, runs: 'beside-others', run: relayWebhooks },
    { name: 'clean-webhooks', everyMs: 1 * hours, runs: 'beside-others', run: cleanWebhooks },
    { name: 'pseudonymise-erased', everyMs: 5 * seconds, runs: 'beside-others', run: pseudonymiseErased },
    { name: 'tell-operators', everyMs: 1 * seconds, runs: 'beside-others', run: tellOperators },
    { name: 'clean-alerts', everyMs: 1 * hours, runs: 'beside-others', run: cleanAlerts },
  ]
}

export interface Worker {
  /** Takes nothing more, and waits for what runs until the deadline. What is cut off is done again by another worker. */
  stop(deadlineMs: number): Promise<void>
}

export function startWorker(deps: Deps): Worker {
  const tasks = maintenanceTasks(deps.config)
  const runTask = createTaskRunner(deps)
  const consumers = deps.config.redisUrl === null ? [] : startConsumers(deps, tasks, runTask)
  const schedule = startSchedule(deps, tasks, runTask)
  exportGauges(deps)
  return { stop: (deadlineMs) => stopAll(schedule, consumers, deadlineMs) }
}

function startConsumers(
  deps: Deps,
  tasks: readonly MaintenanceTask[],
  runTask: ReturnType<typeof createTaskRunner>,
): Consumer[] {
  const { config, log, metrics, consumerRedis: redis } = deps
  const options = { config, redis, log, metrics }
  return [
    createConsumer(queueNames.securityEvents, ({ data }) => persistSecurityEvents(deps, data), {
      ...options,
      concurrency: config.workerConcurrency,
    }),
    // A place for each task, so that none waits behind a long one.
    createConsumer(queueNames.maintenance, maintenanceProcessor(tasks, runTask), {
      ...options,
      concurrency: tasks.length,
    }),
    createConsumer(queueNames.mail, ({ data }) => runMailJob(deps, data), {
      ...options,
      concurrency: Math.min(config.workerConcurrency, mailsAtOnce),
    }),
    // A place for each webhook, so that none waits behind one that is slow.
    createConsumer(
      queueNames.webhooks,
      ({ data }, signal) => deliverWebhooks(deps, data.endpointId, signal),
      { ...options, concurrency: maxWebhooks },
    ),
  ]
}

async function stopAll(
  schedule: Schedule,
  consumers: readonly Consumer[],
  deadlineMs: number,
): Promise<void> {
  await Promise.all([schedule.stop(), ...consumers.map((consumer) => consumer.close(deadlineMs))])
}

function exportGauges(deps: Deps): void {
  const { metrics, redis, queues } = deps
  metrics.onScrape(metrics.sessionsActive, () => readStats(deps))
  metrics.onScrape(metrics.securityAlertsOpen, async () => {
    const open = await countOpenAlerts(deps.sql)
    metrics.securityAlertsOpen.reset()
    for (const { severity, count } of open) metrics.securityAlertsOpen.set({ severity }, count)
  })
  metrics.onScrape(metrics.databaseSizeBytes, () => showReport(deps))
  metrics.onScrape(metrics.backupLastSuccessTimestampSeconds, () => showLastBackup(deps))
  metrics.onScrape(metrics.queueJobs, async () => {
    metrics.queueJobs.reset() // unknown is not the number that was right a while ago
    if (!redis.isAvailable()) return
    for (const queue of Object.values(queues)) {
      const counts = await queueCounts(queue).catch(() => ({}))
      for (const [state, jobs] of Object.entries(counts))
        metrics.queueJobs.set({ queue: queue.name, state }, jobs)
    }
  })
}
