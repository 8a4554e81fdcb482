import { setTimeout as sleep } from 'node:timers/promises'
import { DelayedError, UnrecoverableError, Worker, type Job } from 'bullmq'
import { AppError } from '@latchkey/contracts/errors'
import type { Config } from '../config/config.js'
import { toAppError } from '../database/errors.js'
import type { Logger } from '../logging/logger.js'
import type { Metrics } from '../metrics/metrics.js'
import type { RedisHandle } from '../redis/client.js'
import { receiveJob, type ConsumedQueue, type ReceivedJob } from './payloads.js'
import { queuePrefix } from './queues.js'

export type { ConsumedQueue, ReceivedJob } from './payloads.js'

/** A job is renewed every half of this. When its worker dies, another takes it up within this and one `stalledInterval`. */
const lockDurationMs = 10_000
const stalledIntervalMs = 5000
/** Workers that may die with a job before it is taken for their murderer and kept as failed. */
const maxStalledCount = 10
/** How long a job waits when what it needs is away. That is no fault of the job and uses up none of its attempts. */
const unavailableDelayMs = 2000

/** Works on one job. The signal is aborted when the process closes: long work stops at the next place where it may. */
export type Processor<Q extends ConsumedQueue> = (
  job: ReceivedJob<Q>,
  signal: AbortSignal,
) => Promise<unknown>

export interface ConsumerOptions {
  readonly config: Pick<Config, 'redisKeyPrefix'>
  /** A `blocking` handle; its owner closes it after the consumer. */
  readonly redis: RedisHandle
  readonly concurrency: number
  readonly log: Logger
  readonly metrics: Pick<Metrics, 'queueJobDurationSeconds'>
}

export interface Consumer {
  /** Takes no more jobs and waits for the running ones until the deadline. A job that is cut off is done again by another. */
  close(deadlineMs: number): Promise<void>
}

/** Works on the jobs of a queue for as long as the process lives; outages of Redis and PostgreSQL only make it wait. */
export function createConsumer<Q extends ConsumedQueue>(
  queue: Q,
  processor: Processor<Q>,
  { config, redis, concurrency, log, metrics }: ConsumerOptions,
): Consumer {
  const closing = new AbortController()
  const running = new Set<Promise<unknown>>()

  async function processJob(job: Job, token: string | undefined): Promise<unknown> {
    const received = receiveJob(queue, job)
    if ('problem' in received) throw new UnrecoverableError(received.problem)
    const stopTimer = metrics.queueJobDurationSeconds.startTimer({ queue, name: job.name })
    const run = processor(received, closing.signal)
    running.add(run)
    try {
      return await run
    } catch (error) {
      if (!isUnavailable(error)) throw error
      log.warn({ err: error, queue, job: job.name }, 'A job waits for what it needs')
      await job.moveToDelayed(Date.now() + unavailableDelayMs, token)
      throw new DelayedError()
    } finally {
      running.delete(run)
      stopTimer()
    }
  }

  const worker = new Worker(queue, processJob, {
    connection: redis.client,
    prefix: queuePrefix(config),
    concurrency,
    lockDuration: lockDurationMs,
    stalledInterval: stalledIntervalMs,
    maxStalledCount,
  })
  worker.on('failed', (job, error) => {
    const isFinal =
      job === undefined || error instanceof UnrecoverableError || job.attemptsMade >= (job.opts.attempts ?? 1)
    log[isFinal ? 'error' : 'warn'](
      { err: error, queue, job: job?.name, jobId: job?.id },
      isFinal ? 'A job failed' : 'A job failed and will be tried again',
    )
  })
  worker.on('stalled', (jobId) =>
    log.warn({ queue, jobId }, 'A job was left behind by a worker and is done again'),
  )
  worker.on('error', (error) => {
    // While Redis is away every connection of the worker says so; the handle says it once.
    if (redis.isAvailable()) log.warn({ err: error, queue }, 'The consumer of a queue had an error')
  })

  return {
    async close(deadlineMs) {
      closing.abort()
      const outage = waitForOutage(redis)
      const outcome = await Promise.race([
        worker.close().then(() => 'closed'),
        // Nobody can be told that a job is done, so there is no more to wait for than the work itself.
        outage.began.then(() => Promise.allSettled(running)).then(() => 'without Redis'),
        sleep(deadlineMs, 'late', { ref: false }),
      ])
      outage.forget()
      if (outcome === 'closed') return
      if (outcome === 'late')
        log.warn({ queue }, 'Jobs were still running at the deadline; another worker does them again')
      await worker.getBackend().close(true)
    },
  }
}

function waitForOutage(redis: RedisHandle): { began: Promise<void>; forget: () => void } {
  if (!redis.isAvailable()) return { began: Promise.resolve(), forget: () => undefined }
  let forget = (): void => undefined
  const began = new Promise<void>((resolve) => (forget = redis.onAvailabilityChange(() => resolve())))
  return { began, forget }
}

function isUnavailable(error: unknown): boolean {
  const problem = error instanceof AppError ? error : toAppError(error)
  return problem?.status === 503
}
