import type { IncomingMessage } from 'node:http'

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
  if (header.length > maxHeaderLength || hasSeveral(request.rawHeaders)) return malformed
  const token = bearerToken.exec(header)?.[1]
  return token === undefined ? malformed : { kind: 'token', token }
}

const headerName = 'authorization'

function hasSeveral(rawHeaders: readonly string[]): boolean {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]
    if (name?.length === headerName.length && name.toLowerCase() === headerName) count += 1
  }
  return count > 1
}
