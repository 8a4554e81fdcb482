import type { IncomingMessage } from 'node:http'
import { countHeader } from './raw-headers.js'

export type Bearer = { kind: 'none' } | { kind: 'malformed' } | { kind: 'token'; token: string }

/** RFC 6750, 2.1: one scheme, one space, one token of visible characters. The bound is on what is hashed and kept. */
const bearerToken = /^Bearer ([!-~]+)$/i
const maxHeaderLength = 4096

const none: Bearer = { kind: 'none' }
const malformed: Bearer = { kind: 'malformed' }

/** Reads the one Authorization header. Node keeps the first of several and a proxy may have checked the last: none counts. */
export function readBearer(request: IncomingMessage): Bearer {
  const header = request.headers.authorization
  if (header === undefined) return none
  if (header.length > maxHeaderLength || countHeader(request.rawHeaders, 'authorization') > 1)
    return malformed
  const token = bearerToken.exec(header)?.[1]
  return token === undefined ? malformed : { kind: 'token', token }
}
