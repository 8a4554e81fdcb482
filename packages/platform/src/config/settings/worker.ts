import { wholeNumber } from '../parsers.js'
import { defaulted } from '../setting.js'

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
}
