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
const mappedIpv4Prefix = '::ffff:'

export function originOf(request: FastifyRequest): RequestOrigin {
  return {
    ip: plainAddress(request.ip),
    userAgent: request.headers['user-agent']?.slice(0, maxUserAgentLength) ?? null,
    requestId: request.id,
    traceId: null,
  }
}

/** A dual-stack socket reports `::ffff:192.0.2.1` for 192.0.2.1: one client, one spelling. */
export function plainAddress(address: string): string {
  const isMapped =
    address.length > mappedIpv4Prefix.length && address.toLowerCase().startsWith(mappedIpv4Prefix)
  return isMapped && address.includes('.') ? address.slice(mappedIpv4Prefix.length) : address
}
