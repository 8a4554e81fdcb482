import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.js'
import { routeLabel } from './route-label.js'

/** What nginx calls 499: the client left before it was answered. */
const clientLeft = 499

/** Begins the record of a request; it ends by itself, as metrics and a log line, with the answer or with the client's leaving. */
export type RecordRequest = (request: FastifyRequest, reply: FastifyReply) => void

/** Query strings are not logged (tokens end up in them), nor probes and scrapes that went well. */
export function createRequestRecords({ log, metrics }: Pick<Deps, 'log' | 'metrics'>): RecordRequest {
  return (request, reply) => {
    metrics.httpRequestsInProgress.inc()
    void reply.header('x-request-id', request.id)
    reply.raw.once('close', () => {
      metrics.httpRequestsInProgress.dec()
      const isAnswered = reply.raw.writableEnded
      const status = isAnswered ? reply.statusCode : clientLeft
      const labels = { method: request.method, route: routeLabel(request), status_code: status }
      metrics.httpRequestsTotal.inc(labels)
      metrics.httpRequestDurationSeconds.observe(labels, reply.elapsedTime / 1000)
      if (status >= 400 || request.routeOptions.config.limit !== 'none') {
        log.info(
          { req: request, res: reply, ...(isAnswered ? request.problem : { clientLeft: true }) },
          'request',
        )
      }
    })
  }
}
