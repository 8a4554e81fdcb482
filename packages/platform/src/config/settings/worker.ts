import { wholeNumber } from '../parsers.js'
import { defaulted, optional } from '../setting.js'

export const workerSettings = {
  workerConcurrency: defaulted(
    'WORKER_CONCURRENCY',
    wholeNumber(1, 100),
    '5',
    'Jobs that a worker runs at once, per queue.',
  ),
  jobMaxAttempts: defaulted(
    'JOB_MAX_ATTEMPTS',
    wholeNumber(1, 20),
    '3',
    'Tries of a job, with exponential backoff, before it is kept as failed.',
  ),
  tokenCleanupIntervalMs: defaulted(
    'TOKEN_CLEANUP_INTERVAL_MS',
    wholeNumber(1000, 604_800_000),
    '3600000',
    'Milliseconds between cleanups of ended sessions and one-time tokens.',
  ),
  tokenCleanupBatchSize: defaulted(
    'TOKEN_CLEANUP_BATCH_SIZE',
    wholeNumber(1, 100_000),
    '1000',
    'Rows that one cleanup statement deletes at most.',
  ),
  eventRetentionDays: defaulted(
    'EVENT_RETENTION_DAYS',
    wholeNumber(30, 36_500),
    '365',
    'Days that security events are kept; they go by whole months.',
  ),
  auditAnchorFile: optional(
    'AUDIT_ANCHOR_FILE',
    (text) => text,
    "File that the worker adds signed heads of the audit log to, on a disk that the database's owner cannot write; docs/audit-log.md.",
  ),
}
