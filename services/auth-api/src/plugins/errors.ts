import { newId } from '@latchkey/platform/crypto/identifiers'
import type { AppError, ErrorCode } from '@latchkey/contracts/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
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
  const errorId = newId()
  const refusal = recordRefusal(error, request, errorId)
  const problem = problemOf(refusal, errorId)
  void reply.code(refusal.status).headers(problemHeaders(refusal)).send(JSON.stringify(problem))
}

/** What the client may know of an error; the rest is logged, under its id. */
export function recordRefusal(error: unknown, request: FastifyRequest, errorId: string = newId()): AppError {
  const refusal = publicErrorOf(error)
  request.problem = { code: refusal.code, errorId }
  if (refusal.status >= 500) {
    const cause = refusal.cause ?? refusal
    const fields = { err: cause, errorId, code: refusal.code, requestId: request.id }
    if (refusal.code === 'internal_error') request.server.log.error(fields, 'request failed')
    else request.server.log.warn(fields, 'request could not be served')
  }
  return refusal
}
