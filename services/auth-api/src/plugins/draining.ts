import type { Socket } from 'node:net'
import type { App } from '../app-types.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Shutdown has begun: readiness says no, connections are not kept, and what is under way is finished. */
    drain: () => void
    isDraining: () => boolean
  }
}

/** What a client that has just connected may take to send its request, once the port is closing. */
const firstRequestMs = 1000

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
  endSilentConnections(app)
}

/**
 * Proxies and browsers open connections ahead of their requests. Node does not count these as idle, and would wait for their first
 * request until its headers are overdue: every restart would take as long.
 */
function endSilentConnections(app: App): void {
  const silent = new Set<Socket>()
  app.server.on('connection', (socket) => {
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
  })
  app.server.on('request', ({ socket }) => silent.delete(socket))
  app.addHook('preClose', (done) => {
    setTimeout(() => {
      for (const socket of silent) socket.destroy()
    }, firstRequestMs).unref()
    done()
  })
}
