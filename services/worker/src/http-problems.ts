import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { AppError, problems } from '@latchkey/contracts/errors'
import type { Problem } from '@latchkey/contracts/http/answers'
import { newId } from '@latchkey/platform/crypto/identifiers'

/** RFC 9457. What broke inside is for the log, found by `errorId`. */
export function problemOf({ code, message, status }: AppError): Problem {
  const { title } = problems[code]
  const detail = code === 'internal_error' ? title : message
  return { type: `urn:latchkey:error:${code}`, title, status, code, detail, errorId: newId() }
}

export function problemHeaders({ status, retryAfterSeconds }: AppError): Record<string, string> {
  return {
    'content-type': 'application/problem+json; charset=utf-8',
    ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  }
}

/** Answers what Node could not parse, and closes: nobody knows where the next request would start (RFC 9112, 11.2). */
export function answerBadHttp(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const refusal =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new AppError('headers_too_large')
      : new AppError('malformed_body', 'The request is not valid HTTP')
  const body = JSON.stringify(problemOf(refusal))
  const headers = {
    ...problemHeaders(refusal),
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  socket.end(
    [`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`, ...lines, '', body].join('\r\n'),
  )
}
