import { Queue as BullQueue, type DefaultJobOptions } from 'bullmq'
import type { QueueName } from '@latchkey/contracts/queues'
import type { Config } from '../config/config.js'
import type { RedisHandle } from '../redis/client.js'

/** Payloads are checked where they are taken out (payloads.ts); until then nothing is known of them. */
export type Queue = BullQueue<unknown, unknown>

type QueueConfig = Pick<Config, 'redisKeyPrefix' | 'jobMaxAttempts'>

/** States that the metric `queue_jobs` tells apart. */
const countedStates = ['waiting', 'active', 'delayed', 'prioritized', 'failed', 'completed'] as const
export type JobCounts = Record<(typeof countedStates)[number], number>

/**
 * Where jobs are put. Fails fast: while Redis is away an `add` rejects at once, and one that Redis leaves unanswered after
 * 250 ms; nothing is kept to be sent later. The handle is the one for requests, never a `blocking` one, and stays its owner's
 * to close.
 */
export function createQueue(
  name: QueueName,
  { config, redis }: { config: QueueConfig; redis: RedisHandle },
): Queue {
  const queue: Queue = new BullQueue(name, {
    connection: redis.client,
    prefix: queuePrefix(config),
    defaultJobOptions: defaultJobOptions(config),
    // Without these BullMQ would wait for a first connection before it sends, or fails, anything.
    skipWaitingForReady: true,
    skipVersionCheck: true,
  })
  queue.on('error', () => undefined) // every one is an error of the connection, which its handle logs
  return queue
}

/** Throws while Redis is away. */
export async function queueCounts(queue: Queue): Promise<JobCounts> {
  const found = await queue.getJobCounts(...countedStates)
  const counts: JobCounts = { waiting: 0, active: 0, delayed: 0, prioritized: 0, failed: 0, completed: 0 }
  for (const state of countedStates) counts[state] = found[state] ?? 0
  return counts
}

export function queuePrefix(config: Pick<Config, 'redisKeyPrefix'>): string {
  return `${config.redisKeyPrefix}bull`
}

function defaultJobOptions(config: QueueConfig): DefaultJobOptions {
  return {
    attempts: config.jobMaxAttempts,
    backoff: { type: 'exponential', delay: 1000 },
    removeOnComplete: { age: 3600, count: 100 },
    removeOnFail: { age: 30 * 24 * 3600, count: 10_000 },
  }
}
