import { AppError } from '@latchkey/contracts/errors'
import type { FastifyRequest } from 'fastify'
import type { App } from '../app-types.js'

const deadlineMs = 10_000

/**
 * Answers a request that is still open when its time is over; every wait inside has a shorter timeout of its own, so this is the
 * last net. Fastify's `handlerTimeout` would make an abort controller and the error that it aborts with for each request, which
 * is a twentieth of what a refresh costs.
 */
export function registerAnswerDeadline(app: App): void {
  app.addHook('onRequest', (request, reply, done) => {
    const timer = setTimeout(() => {
      // `reply.sent` is about the end of an answer: one that is being streamed is under way, and nothing can be said any more.
      if (reply.sent || reply.raw.headersSent) return
      void reply.header('connection', 'close') // the rest of a body may still come, or a handler still hold what it took
      request.server.errorHandler(refusalOf(request), request, reply) // in the words of this part of the api
    }, request.routeOptions.config.deadlineMs ?? deadlineMs)
    reply.raw.once('close', () => clearTimeout(timer))
    done()
  })
}

/** A client that is slow to send its body uses up the time for the answer: that is not our failure. */
function refusalOf({ raw }: FastifyRequest): AppError {
  const { 'content-length': length, 'transfer-encoding': encoding } = raw.headers
  const hasBody = length !== undefined || encoding !== undefined
  return hasBody && !raw.complete
    ? new AppError('malformed_body', 'The request did not arrive in time.')
    : new AppError('unavailable', 'The answer took too long.')
}
