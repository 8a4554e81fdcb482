// Alone: its tests run side by side.
import t, { type Test } from 'tap'
import { AppError } from '@latchkey/contracts/errors'
import { persistSecurityEventsJob, queueNames, sendMailJob } from '@latchkey/contracts/queues'
import { startPrivateRedis } from '@latchkey/devstack/testing/private-servers'
import { redisPrefix } from '@latchkey/devstack/testing/redis-prefix'
import { waitFor } from '@latchkey/devstack/wait-for'
import { createMetrics } from '@latchkey/platform/metrics/metrics'
import { createConsumer, type ConsumedQueue, type Processor } from '@latchkey/platform/queue/consumer'
import { createQueue, queueCounts } from '@latchkey/platform/queue/queues'
import { newSecurityEvent } from '@latchkey/platform/security-events/security-event'
import { connectTestRedis, recordLog, sharedRedisUrl } from './support/pipeline.js'

const closeMs = 2000
t.jobs = 2 // one test waits for most of its time
const payload = () => ({ events: [newSecurityEvent('login.failed', { ip: '192.0.2.1' })] })

t.test('a job reaches the processor with its checked payload, and its time is measured', async (t) => {
  const { consume, queue, metrics } = await startWorld(t, queueNames.securityEvents)
  const seen: unknown[] = []
  consume((job) => Promise.resolve(seen.push(job)))
  const sent = payload()
  await queue.add(persistSecurityEventsJob, sent)
  await waitFor(() => seen.length === 1, { what: 'the job' })
  t.match(seen, [{ name: persistSecurityEventsJob, data: sent, id: String }])
  await waitFor(async () => (await queueCounts(queue)).completed === 1, { what: 'its completion' })
  const { values } = await metrics.queueJobDurationSeconds.get()
  t.match(
    values.find(({ metricName }) => metricName?.endsWith('_count')),
    { value: 1, labels: { queue: 'security-events', name: persistSecurityEventsJob } },
  )
})

t.test('what the contract does not know is kept as failed at once, and the consumer goes on', async (t) => {
  const { consume, queue, lines } = await startWorld(t, queueNames.securityEvents)
  let done = 0
  consume(() => Promise.resolve(done++))
  const [event] = payload().events
  await queue.add(persistSecurityEventsJob, { events: [] })
  await queue.add(persistSecurityEventsJob, { events: [{ ...event, ip: 7 }] })
  await queue.add(persistSecurityEventsJob, { events: [{ ...event, password: 'secret' }] })
  await queue.add(persistSecurityEventsJob, 'text')
  await queue.add('made-up', {})
  await queue.add(persistSecurityEventsJob, payload())
  await waitFor(() => done === 1, { what: 'the good job' })
  await waitFor(async () => (await queueCounts(queue)).failed === 5, { what: 'the bad ones to be kept' })
  for (const job of await queue.getFailed()) t.equal(job.attemptsMade, 1, 'a second look would find the same')
  t.equal(lines.filter(({ level, msg }) => level === 'error' && msg === 'A job failed').length, 5)
  t.notMatch(JSON.stringify(lines), /secret/, 'what was in it stays out of the log')
})

t.test('a processor that throws is tried again, and then the job is kept as failed', async (t) => {
  const { consume, queue, lines } = await startWorld(t, queueNames.maintenance)
  let tries = 0
  consume(() => {
    tries++
    return Promise.reject(new Error('broken'))
  })
  await queue.add('relay-outbox', {}, { attempts: 2, backoff: 10 })
  await waitFor(async () => (await queueCounts(queue)).failed === 1, { what: 'the end of the tries' })
  t.equal(tries, 2)
  t.match(
    lines.filter(({ level }) => level === 'warn' || level === 'error').map(({ msg }) => msg),
    ['A job failed and will be tried again', 'A job failed'],
  )
})

t.test('without settings of its own a job is tried three times, twice as long apart each time', async (t) => {
  const { consume, queue } = await startWorld(t, queueNames.mail)
  consume(() => Promise.reject(new Error('broken')))
  const { id = '' } = await queue.add(sendMailJob, {
    eventId: '0190b5a0-0000-7000-8000-000000000000',
    template: 'new-device',
  })
  const waits: number[] = []
  for (let tries = 1; tries < 3; tries += 1) {
    await waitFor(async () => (await queueCounts(queue)).delayed === 1, {
      what: `the wait after try ${tries}`,
    })
    const job = await queue.getJob(id)
    t.equal(job?.attemptsMade, tries)
    waits.push(job?.delay ?? 0)
    await job?.promote() // as if it were over
  }
  await waitFor(async () => (await queueCounts(queue)).failed === 1, { what: 'the end of the tries' })
  t.same(waits, [1000, 2000])
  t.match(await queue.getFailed(), [{ id, attemptsMade: 3, failedReason: 'broken' }], 'kept with its reason')
})

t.test('a job that finds PostgreSQL away waits for it and uses up no attempt', async (t) => {
  const { consume, queue } = await startWorld(t, queueNames.maintenance)
  let tries = 0
  consume(() => (++tries < 3 ? Promise.reject(new AppError('unavailable')) : Promise.resolve()))
  const { id = '' } = await queue.add('relay-outbox', {}, { attempts: 1 })
  await waitFor(async () => (await queueCounts(queue)).completed === 1, {
    what: 'the job',
    deadlineMs: 12_000,
  })
  t.equal((await queue.getJob(id))?.attemptsMade, 1)
})

t.test('the consumer goes on by itself when Redis is killed and comes back', async (t) => {
  const server = await startPrivateRedis(t)
  const { consume, queue, redis } = await startWorld(t, queueNames.maintenance, server.url)
  // By id: an add whose answer was late is done again, and so is a job whose end was not written down any more.
  const done = new Set<string>()
  consume(({ id }) => Promise.resolve(done.add(id)))
  const first = await waitFor(() => queue.add('relay-outbox', {}), { what: 'an add' })
  await waitFor(() => done.has(first.id ?? ''), { what: 'the first job', deadlineMs: 10_000 })
  for (let round = 2; round <= 3; round++) {
    await server.kill()
    await waitFor(() => !redis.isAvailable(), { what: 'the loss to be noticed' })
    await server.start()
    await waitFor(() => redis.isAvailable(), { what: 'Redis' })
    const { id = '' } = await waitFor(() => queue.add('relay-outbox', {}), { what: 'an add' })
    t.ok(await waitFor(() => done.has(id), { what: 'the next job', deadlineMs: 10_000 }))
  }
})

t.test('a consumer that starts without Redis works once it is there', async (t) => {
  const server = await startPrivateRedis(t)
  await server.kill()
  const { consume, queue } = await startWorld(t, queueNames.maintenance, server.url)
  const done = new Set<string>()
  consume(({ id }) => Promise.resolve(done.add(id)))
  await server.start()
  const { id = '' } = await waitFor(() => queue.add('relay-outbox', {}), { what: 'an add' })
  t.ok(await waitFor(() => done.has(id), { what: 'the job', deadlineMs: 10_000 }))
})

t.test('closing waits for the running job and tells it', async (t) => {
  const { consume, queue } = await startWorld(t, queueNames.maintenance)
  let stopped = false
  let isRunning = false
  const consumer = consume(async (_job, signal) => {
    isRunning = true
    await waitFor(() => signal.aborted, { what: 'the signal' })
    stopped = true
  })
  await queue.add('relay-outbox', {})
  await waitFor(() => isRunning, { what: 'the job to start' })
  await consumer.close(closeMs)
  t.equal(stopped, true)
  t.equal((await queueCounts(queue)).completed, 1)
})

t.test('a job that does not end in time is left to another consumer', async (t) => {
  const { consume, queue, lines } = await startWorld(t, queueNames.maintenance)
  let release = (): void => undefined
  const blocked = new Promise<void>((resolve) => void (release = resolve))
  let isRunning = false
  const consumer = consume(async () => {
    isRunning = true
    await blocked
  })
  await queue.add('relay-outbox', {})
  await waitFor(() => isRunning, { what: 'the job to start' })
  const startedAt = performance.now()
  await consumer.close(200)
  t.ok(performance.now() - startedAt < 1500)
  t.match(lines.at(-1), { level: 'warn', queue: 'maintenance' })
  t.equal((await queueCounts(queue)).active, 1, "it is nobody's until its lock runs out")
  release()
})

t.test('closing has a deadline even when Redis never came', async (t) => {
  const server = await startPrivateRedis(t)
  await server.kill()
  const { consume } = await startWorld(t, queueNames.maintenance, server.url)
  const consumer = consume(() => Promise.resolve())
  const startedAt = performance.now()
  await consumer.close(200)
  t.ok(performance.now() - startedAt < 1500)
})

async function startWorld<Q extends ConsumedQueue>(t: Test, name: Q, redisUrl = sharedRedisUrl()) {
  const config = { redisKeyPrefix: redisPrefix(t), jobMaxAttempts: 3 }
  const { log, lines } = recordLog()
  const metrics = createMetrics('worker')
  const redis = connectTestRedis(t, redisUrl)
  const consumerRedis = connectTestRedis(t, redisUrl, { blocking: true, log })
  const queue = createQueue(name, { config, redis })
  t.teardown(() => queue.close())
  if (redisUrl === sharedRedisUrl()) await waitFor(() => redis.isAvailable(), { what: 'Redis' })

  function consume(processor: Processor<Q>) {
    const consumer = createConsumer(name, processor, {
      config,
      redis: consumerRedis,
      concurrency: 2,
      log,
      metrics,
    })
    t.teardown(() => consumer.close(closeMs))
    return consumer
  }
  return { consume, queue, redis, metrics, lines }
}
