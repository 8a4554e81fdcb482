import cors from '@fastify/cors'
import type { App } from '../app-types.js'

const secondsPerHour = 3600

/** Exact origins of the configuration; none is reflected, and `null` (sandboxed frames, files) is no origin. */
export async function registerCrossOrigin(app: App, allowedOrigins: readonly string[]): Promise<void> {
  const allowed = new Set(allowedOrigins)
  await app.register(cors, {
    origin: (origin, answer) => {
      answer(null, origin !== undefined && allowed.has(origin) ? origin : false)
    },
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    allowedHeaders: [
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'X-CSRF-Token',
      'X-Request-Id',
      'X-Session-Mode',
    ],
    exposedHeaders: [
      'RateLimit-Limit',
      'RateLimit-Remaining',
      'RateLimit-Reset',
      'Retry-After',
      'X-Request-Id',
    ],
    maxAge: secondsPerHour,
    strictPreflight: false,
  })
}
