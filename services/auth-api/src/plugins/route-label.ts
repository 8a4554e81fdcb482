import type { FastifyRequest } from 'fastify'

const unversioned = /^\/api(?=\/(?:auth|admin)\/)/
const shortCsrfToken = /^\/api(?:\/v1)?\/csrf-token$/

/** The route pattern under its canonical prefix, so that all prefixes are one in limits and metrics. */
export function routeLabel({ routeOptions: { url } }: FastifyRequest): string {
  return url === undefined ? 'none' : canonicalUrl(url)
}

export function canonicalUrl(url: string): string {
  return url.replace(unversioned, '/api/v1').replace(shortCsrfToken, '/api/v1/auth/csrf-token')
}
