import type { App } from '../app-types.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Shutdown has begun: readiness says no, connections are not kept, and what is under way is finished. */
    drain: () => void
    isDraining: () => boolean
  }
}

/** Balancers notice by the readiness probe, clients by `Connection: close`, both before the port closes. */
export function registerDraining(app: App): void {
  let isDraining = false
  app.decorate('drain', () => {
    isDraining = true
  })
  app.decorate('isDraining', () => isDraining)
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (isDraining) void reply.header('connection', 'close')
    done(null, payload)
  })
}
