import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'

/** Where a request came from, for events, fingerprints and limits. Use cases take this instead of a Fastify request. */
export interface RequestOrigin {
  /** The client's address: the socket's, or X-Forwarded-For's through a trusted proxy. IPv4-mapped IPv6 is written as IPv4. */
  readonly ip: string
  /** Cut at 512 characters: it is stored with sessions and events. */
  readonly userAgent: string | null
  readonly requestId: string
  readonly traceId: string | null
}

const maxUserAgentLength = 512
const mappedIpv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

export function originOf(request: FastifyRequest): RequestOrigin {
  return {
    ip: clientAddress(request),
    userAgent: request.headers['user-agent']?.slice(0, maxUserAgentLength) ?? null,
    requestId: request.id,
    traceId: null,
  }
}

/**
 * An address in the one spelling that PostgreSQL takes as `inet`. A proxy that is trusted may still pass on what a client wrote
 * into X-Forwarded-For: what is no address there counts as the proxy's own.
 */
export function clientAddress(request: FastifyRequest): string {
  return plainAddress(request.ip) ?? plainAddress(request.socket.remoteAddress ?? '') ?? '0.0.0.0'
}

/** Without a zone, and `::ffff:192.0.2.1` as the 192.0.2.1 that a dual-stack socket means by it. Null for what is no address. */
export function plainAddress(text: string): string | null {
  const [withoutZone = ''] = text.split('%', 1)
  if (isIP(withoutZone) === 0) return null
  return mappedIpv4.exec(withoutZone)?.[1] ?? withoutZone
}
