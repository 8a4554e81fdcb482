import type { onRequestAsyncHookHandler } from 'fastify'
import type { App } from '../app-types.js'
import { callerOf } from './authentication.js'
import { freshAuthSeconds, StepUpRequired } from '../step-up-required.js'

/** What a user could authenticate with now, and the level that the strongest of it gives. */
interface StepUpOptions {
  readonly methods: readonly string[]
  readonly aal: number
}

/**
 * Guards the routes with `freshAuth`. Registered after the gate, so that the caller is known, and before the routes; a
 * route without it costs nothing. A plugin knows no feature, so it is told how to find what a user can authenticate with.
 */
export function registerFreshAuth(app: App, optionsOf: (userId: string) => Promise<StepUpOptions>): void {
  const assertFresh =
    (from: 'everyone' | 'second_factor'): onRequestAsyncHookHandler =>
    async (request) => {
      const { aal, authTime, userId } = callerOf(request)
      const isFresh = Date.now() / 1000 - authTime <= freshAuthSeconds
      if (isFresh && aal > 1) return
      // The token tells of its session. Whether there is a stronger factor by now is the user's row to say.
      const options = await optionsOf(userId)
      if (from === 'second_factor' && options.aal === 1) return
      if (!isFresh || aal < options.aal) throw new StepUpRequired(options.methods)
    }

  app.addHook('onRoute', (route) => {
    const demand = route.config?.freshAuth ?? false
    if (demand === false) return
    if (route.config?.auth !== 'session') throw new Error(`${route.url} asks nobody for fresh authentication`)
    const guard = assertFresh(demand === true ? 'everyone' : demand)
    route.onRequest = [...[route.onRequest ?? []].flat(), guard]
  })
}
