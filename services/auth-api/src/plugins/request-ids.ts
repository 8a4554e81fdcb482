import type { IncomingMessage } from 'node:http'
import { newId } from '@latchkey/platform/crypto/identifiers'

const saneRequestId = /^[A-Za-z0-9._-]{1,128}$/

/** The caller's X-Request-Id when it is safe to log and to send back, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && saneRequestId.test(given) ? given : newId()
}
