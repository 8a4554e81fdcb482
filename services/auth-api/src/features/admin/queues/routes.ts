import { FailedJobs } from '@latchkey/contracts/http/admin'
import { Problem } from '@latchkey/contracts/http/answers'
import { queueNames, type QueueName } from '@latchkey/contracts/queues'
import { Type } from 'typebox'
import type { App } from '../../../app-types.js'
import type { Deps } from '../../../deps.js'
import { adminOf, forAdmins, forReaders, NoContent, problems } from '../routes.js'
import { listFailedJobs, removeJob, retryJob } from './failed-jobs.js'

const tags = ['admin']
const queue = Type.Unsafe<QueueName>({ type: 'string', enum: Object.values(queueNames) })
const QueueParameter = Type.Object({ queue }, { additionalProperties: false })
const JobParameters = Type.Object(
  { queue, id: Type.String({ minLength: 1, maxLength: 256 }) },
  { additionalProperties: false },
)

export function queueRoutes(app: App, deps: Deps): void {
  app.get('/queues/:queue/failed', {
    config: forReaders,
    schema: {
      tags,
      summary: 'Jobs that have failed for good, newest first',
      params: QueueParameter,
      response: { 200: FailedJobs, ...problems },
    },
    handler: ({ params }) => listFailedJobs(deps, params.queue),
  })

  app.post('/queues/:queue/jobs/:id/retry', {
    config: forAdmins,
    schema: {
      tags,
      summary: 'Try a failed job again',
      params: JobParameters,
      response: { 204: NoContent, ...problems, 404: Problem },
    },
    handler: async (request, reply) => {
      await retryJob(deps, adminOf(request), request.params)
      return reply.code(204).send(null)
    },
  })

  app.delete('/queues/:queue/jobs/:id', {
    config: forAdmins,
    schema: {
      tags,
      summary: 'Forget a failed job, but for events',
      params: JobParameters,
      response: { 204: NoContent, ...problems, 404: Problem },
    },
    handler: async (request, reply) => {
      await removeJob(deps, adminOf(request), request.params)
      return reply.code(204).send(null)
    },
  })
}
