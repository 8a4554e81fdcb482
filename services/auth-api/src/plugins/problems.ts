import { AppError, problems, type ErrorCode } from '@latchkey/contracts/errors'
import type { Problem } from '@latchkey/contracts/http/answers'
import { toAppError } from '@latchkey/platform/database/errors'
import type { FastifySchemaValidationError } from 'fastify'
import { LimitExceeded } from '../limits/limit-exceeded.js'
import { fieldErrorOf } from './field-errors.js'
import { freshAuthSeconds, StepUpRequired } from '../step-up-required.js'

export const problemContentType = 'application/problem+json; charset=utf-8'

/** What Fastify itself refuses, as the contract names it. An FST_ code that is not here is our own mistake: 500. */
const frameworkProblems: Readonly<Record<string, { code: ErrorCode; detail?: string }>> = {
  FST_ERR_BAD_URL: { code: 'validation_failed', detail: 'The path is not validly percent-encoded.' },
  FST_ERR_MAX_PARAM_LENGTH: { code: 'validation_failed', detail: 'A part of the path is too long.' },
  FST_ERR_NOT_FOUND: { code: 'not_found' },
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'payload_too_large' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'unsupported_media_type',
    detail: 'Send application/json in UTF-8.',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'malformed_body',
    detail: 'The body is not as long as Content-Length says.',
  },
}

/** Any error that reaches the edge, as the error that the client may see. What is not known is `internal_error`. */
export function publicErrorOf(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (error instanceof Error) {
    if (isValidationError(error)) {
      return new AppError('validation_failed', undefined, {
        errors: error.validation.map((failure) => fieldErrorOf(failure)),
      })
    }
    const known =
      'code' in error && typeof error.code === 'string' ? frameworkProblems[error.code] : undefined
    if (known !== undefined) return new AppError(known.code, known.detail, { cause: error })
    if (isConnectionReset(error))
      return new AppError('malformed_body', 'The body ended early.', { cause: error })
  }
  return toAppError(error) ?? new AppError('internal_error', undefined, { cause: error })
}

/** RFC 9457. A 5xx tells its title only: what broke inside is for the log, found by `errorId`. */
export function problemOf(error: AppError, errorId: string): Problem {
  const { status, title } = problems[error.code]
  return {
    type: `urn:latchkey:error:${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.code === 'internal_error' ? title : error.message,
    errorId,
    ...(error.errors === undefined ? {} : { errors: [...error.errors] }),
    ...(error instanceof StepUpRequired && { methods: [...error.methods], maxAgeSeconds: freshAuthSeconds }),
  }
}

/** Headers that a problem carries by its code. */
export function problemHeaders(error: AppError): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': problemContentType, 'cache-control': 'no-store' }
  if (error.retryAfterSeconds !== undefined)
    headers['retry-after'] = String(Math.ceil(error.retryAfterSeconds))
  if (error instanceof LimitExceeded) {
    headers['ratelimit-limit'] = String(error.max)
    headers['ratelimit-remaining'] = '0'
    headers['ratelimit-reset'] = String(error.retryAfterSeconds)
  }
  // RFC 9110, 15.5.2: a 401 names a challenge. RFC 6750, 3.1: no error code for a request that tried no token.
  if (error.status === 401) {
    headers['www-authenticate'] = isTokenRefusal(error.code) ? 'Bearer error="invalid_token"' : 'Bearer'
  }
  // RFC 9470, 3, in a 403: the token is good, so that a client that refreshes at every 401 would only go round in circles.
  if (error instanceof StepUpRequired) {
    headers['www-authenticate'] =
      `Bearer error="insufficient_user_authentication", max_age="${freshAuthSeconds}"`
  }
  return headers
}

function isTokenRefusal(code: ErrorCode): boolean {
  return code === 'token_invalid' || code === 'token_expired' || code === 'session_revoked'
}

function isValidationError(error: Error): error is Error & { validation: FastifySchemaValidationError[] } {
  return 'validation' in error && Array.isArray(error.validation)
}

/** The client went away, or cut its chunked body short, while its body was read. */
function isConnectionReset(error: Error): boolean {
  return 'code' in error && error.code === 'ECONNRESET'
}
