import type { Socket } from 'node:net'
import { STATUS_CODES } from 'node:http'
import { AppError } from '@latchkey/contracts/errors'
import { newId } from '@latchkey/platform/crypto/identifiers'
import { problemHeaders, problemOf } from './problems.js'

/**
 * Answers what Node could not parse as HTTP, and closes: after a request that is not understood, nobody knows where the next one
 * starts (request smuggling, RFC 9112, 11.2).
 */
export function answerBadHttp(
  error: Error & { code?: string },
  socket: Socket,
  securityHeaders: Record<string, string>,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const refusal = refusalOf(error.code)
  const body = JSON.stringify(problemOf(refusal, newId()))
  const headers = {
    ...securityHeaders,
    ...problemHeaders(refusal),
    'x-request-id': newId(),
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const statusLine = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`
  socket.end([statusLine, ...lines, '', body].join('\r\n'))
}

function refusalOf(code: string | undefined): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') return new AppError('headers_too_large')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new AppError('malformed_body', 'The request did not arrive in time.')
  return new AppError('malformed_body', 'The request is not valid HTTP.')
}
