import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { AppError } from '@latchkey/contracts/errors'
import { newId } from '@latchkey/platform/crypto/identifiers'
import type { App } from '../app-types.js'
import { problemHeaders, problemOf } from './problems.js'
import { countHeader } from './raw-headers.js'

type Headers = Readonly<Record<string, string>>

/** What Node's server would answer by itself, without a problem and without our headers. */
export function registerHttpServer(app: App, securityHeaders: Headers): void {
  // RFC 9112, 3.2. HTTP/1.0 has no Host.
  app.addHook('onRequest', ({ raw }, reply, done) => {
    const hosts = countHeader(raw.rawHeaders, 'host')
    const isWrong = raw.httpVersion === '1.1' ? hosts !== 1 : hosts > 1
    if (isWrong) void reply.header('connection', 'close')
    done(isWrong ? new AppError('validation_failed', 'Send exactly one Host header.') : undefined)
  })
  // An expectation that nobody knows may be ignored (RFC 9110, 10.1.1).
  app.server.on('checkExpectation', (request, response) => app.routing(request, response))
  // We are no proxy.
  app.server.on('connect', (_request, socket) => {
    answerOnSocket(new AppError('method_not_allowed'), socket, { ...securityHeaders, allow: '' })
  })
}

/**
 * Answers what Node could not parse as HTTP, and closes: after a request that is not understood, nobody knows where the next
 * one starts (request smuggling, RFC 9112, 11.2).
 */
export function answerBadHttp(error: { code?: string }, socket: Duplex, securityHeaders: Headers): void {
  if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
  else answerOnSocket(refusalOf(error.code), socket, securityHeaders)
}

function refusalOf(code: string | undefined): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') return new AppError('headers_too_large')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new AppError('malformed_body', 'The request did not arrive in time.')
  }
  return new AppError('malformed_body', 'The request is not valid HTTP.')
}

function answerOnSocket(refusal: AppError, socket: Duplex, extraHeaders: Headers): void {
  const body = JSON.stringify(problemOf(refusal, newId()))
  const headers = {
    ...extraHeaders,
    ...problemHeaders(refusal),
    'x-request-id': newId(),
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const statusLine = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`
  socket.on('error', () => undefined) // the client may be gone; there is nobody else to tell
  socket.end([statusLine, ...lines, '', body].join('\r\n'))
}
