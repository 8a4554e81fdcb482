import { newId } from '@latchkey/platform/crypto/identifiers'
import { AppError, type ErrorCode } from '@latchkey/contracts/errors'
import { errorCodes, type FastifyReply, type FastifyRequest } from 'fastify'
import type { App } from '../app-types.js'
import { problemHeaders, problemOf, publicErrorOf } from './problems.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** What the request was refused with, for its log line. */
    problem: { readonly code: ErrorCode; readonly errorId: string } | null
  }
}

/** One shape for every refusal and failure. */
export function registerErrors(app: App): void {
  app.decorateRequest('problem', null)
  app.setErrorHandler((error, request, reply) => {
    sendProblem(error, request, reply)
  })
}

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const isLate = isLateBody(error, request)
  if (isLate) void reply.header('connection', 'close') // the rest of the body is still to come
  const refusal = isLate
    ? new AppError('malformed_body', 'The request did not arrive in time.')
    : publicErrorOf(error)
  const problem = problemOf(refusal, newId())
  request.problem = { code: refusal.code, errorId: problem.errorId }
  if (refusal.status >= 500) {
    const cause = refusal.cause ?? refusal
    const fields = { err: cause, errorId: problem.errorId, code: refusal.code, requestId: request.id }
    if (refusal.code === 'internal_error') request.server.log.error(fields, 'request failed')
    else request.server.log.warn(fields, 'request could not be served')
  }
  void reply.code(refusal.status).headers(problemHeaders(refusal)).send(JSON.stringify(problem))
}

/** A client that is slow to send its body uses up the time for the answer: that is not our failure. */
function isLateBody(error: unknown, { raw }: FastifyRequest): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = raw.headers
  const hasBody = length !== undefined || encoding !== undefined
  return error instanceof errorCodes.FST_ERR_HANDLER_TIMEOUT && hasBody && !raw.complete
}
