import helmet from '@fastify/helmet'
import fastify, { type FastifyInstance } from 'fastify'
import type { App } from '../app-types.js'

const secondsPerYear = 31_536_000

/**
 * The headers that Helmet sets. They don't depend on the request, so Helmet is asked once, at start: asking it for every
 * request rebuilds its whole chain. The same set goes on answers that are written before any route (bad paths, bad HTTP).
 */
export async function askHelmet(): Promise<Record<string, string>> {
  const probe = fastify()
  const before = await headersOf(probe)
  const secured = fastify()
  await secured.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: { maxAge: secondsPerYear, includeSubDomains: true },
    xFrameOptions: { action: 'deny' },
  })
  const after = await headersOf(secured)
  return Object.fromEntries(Object.entries(after).filter(([name]) => !(name in before)))
}

async function headersOf(instance: FastifyInstance): Promise<Record<string, string>> {
  instance.get('/', () => '')
  const answer = await instance.inject('/')
  await instance.close()
  return Object.fromEntries(
    Object.entries(answer.headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value]] : [],
    ),
  )
}

/** On every answer. What comes back is about one person: only routes that say so may be kept by a cache. */
export function registerSecurityHeaders(app: App, securityHeaders: Record<string, string>): void {
  const headers = { ...securityHeaders, 'cache-control': 'no-store' }
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers)
    done()
  })
}
