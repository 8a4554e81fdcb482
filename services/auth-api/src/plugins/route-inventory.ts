import type { BuiltInRole } from '@latchkey/contracts/roles'
import type { RouteOptions } from 'fastify'
import type { App, RouteAuth, RouteLimit } from '../app-types.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route, once it is ready: what the tests of all routes go by. */
    routeInventory: readonly InventoryRoute[]
  }
}

export interface InventoryRoute {
  readonly method: string
  readonly url: string
  readonly auth: RouteAuth
  readonly limit: RouteLimit
  /** Whom it is for; null for everyone whom `auth` lets in. */
  readonly roles: readonly BuiltInRole[] | null
  readonly freshAuth: boolean | 'second_factor'
  readonly schema: RouteOptions['schema']
}

/** A route that does not say who may call it and what limits it must not start. Registered before the routes. */
export function registerRouteInventory(app: App): void {
  const declared: { url: string; route: RouteOptions }[] = []
  const inventory: InventoryRoute[] = []
  app.decorate('routeInventory', inventory)
  // Fastify moves some routes to another url after this, and other plugins give theirs a config after this.
  app.addHook('onRoute', (route) => void declared.push({ url: route.url, route }))
  app.addHook('onReady', (done) => {
    for (const { url, route } of declared) {
      const { method, config, schema } = route
      for (const name of [method].flat()) {
        if (config?.auth === undefined || config.limit === undefined) {
          done(new Error(`${name} ${url} does not declare config.auth and config.limit`))
          return
        }
        const { auth, limit, roles = null, freshAuth = false } = config
        inventory.push({ method: name, url, auth, limit, roles, freshAuth, schema })
      }
    }
    done()
  })
}
