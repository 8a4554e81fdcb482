import type { onRequestAsyncHookHandler } from 'fastify'
import type { App } from '../app-types.js'
import { callerOf } from './authentication.js'
import { freshAuthSeconds, StepUpRequired } from './step-up-required.js'

/**
 * Guards the routes with `freshAuth: true`. Registered after the gate, so that the caller is known, and before the routes; a
 * route without it costs nothing. A plugin knows no feature, so it is told how to find what a user can authenticate with.
 */
export function registerFreshAuth(app: App, methodsOf: (userId: string) => Promise<readonly string[]>): void {
  const assertFresh: onRequestAsyncHookHandler = async (request) => {
    const { authTime, userId } = callerOf(request)
    if (Date.now() / 1000 - authTime > freshAuthSeconds) throw new StepUpRequired(await methodsOf(userId))
  }
  app.addHook('onRoute', (route) => {
    if (route.config?.freshAuth !== true) return
    if (route.config.auth !== 'session') throw new Error(`${route.url} asks nobody for fresh authentication`)
    route.onRequest = [...[route.onRequest ?? []].flat(), assertFresh]
  })
}
