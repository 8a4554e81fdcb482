import { AppError } from '@latchkey/contracts/errors'
import type { FailedJobs } from '@latchkey/contracts/http/admin'
import { queueNames } from '@latchkey/contracts/queues'
import type { Queue } from '@latchkey/platform/queue/queues'
import type { Deps } from '../../../deps.js'
import { actAsAdmin, type ActingAdmin } from '../acting-admin.js'

type QueueDeps = Pick<Deps, 'queues' | 'redis' | 'sql'>
type FailedJob = NonNullable<Awaited<ReturnType<Queue['getJob']>>>

const mostShown = 100

export interface JobAddress {
  readonly queue: string
  readonly id: string
}

/** What has failed for good, newest first. @throws AppError not_found, unavailable. */
export async function listFailedJobs(deps: QueueDeps, queueName: string): Promise<FailedJobs> {
  const queue = findQueue(deps, queueName)
  const [jobs, counts] = await Promise.all([queue.getFailed(0, mostShown - 1), queue.getJobCounts('failed')])
  return {
    failed: counts['failed'] ?? 0,
    jobs: jobs.map(({ id = '', name, attemptsMade, failedReason, finishedOn }) => ({
      id,
      name,
      attempts: attemptsMade,
      reason: failedReason,
      failedAt: finishedOn === undefined ? null : new Date(finishedOn).toISOString(),
    })),
  }
}

/** Gives a failed job all of its tries again. @throws AppError not_found, unless it is one that has failed; unavailable. */
export async function retryJob(deps: QueueDeps, admin: ActingAdmin, address: JobAddress): Promise<void> {
  const job = await findFailedJob(deps, address)
  await tell(deps, admin, 'queue.job_retried', address, job)
  await job.retry('failed', { resetAttemptsMade: true })
}

/** Forgets a failed job. @throws AppError not_found, unavailable; forbidden for events, which nobody takes out of the log. */
export async function removeJob(deps: QueueDeps, admin: ActingAdmin, address: JobAddress): Promise<void> {
  if (address.queue === queueNames.securityEvents)
    throw new AppError('forbidden', 'Events that could not be stored are kept: they are evidence.')
  const job = await findFailedJob(deps, address)
  await tell(deps, admin, 'queue.job_removed', address, job)
  await job.remove()
}

/** Before it is done: an act that nobody is told of must not happen, and one that did not happen may be told. */
async function tell(
  deps: QueueDeps,
  admin: ActingAdmin,
  action: string,
  { queue, id }: JobAddress,
  { name }: FailedJob,
): Promise<void> {
  const data = { queue, jobId: id, job: name }
  await actAsAdmin(deps, admin, () => Promise.resolve({ act: { action, userId: null, data }, result: null }))
}

function findQueue({ queues, redis }: QueueDeps, name: string): Queue {
  const queue = Object.values(queues).find((one) => one.name === name)
  if (queue === undefined) throw new AppError('not_found')
  if (!redis.isAvailable()) throw new AppError('unavailable', 'Redis is away.')
  return queue
}

async function findFailedJob(deps: QueueDeps, { queue, id }: JobAddress): Promise<FailedJob> {
  const job = await findQueue(deps, queue).getJob(id)
  if (job === undefined || !(await job.isFailed())) throw new AppError('not_found')
  return job
}
