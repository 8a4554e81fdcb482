import type { App } from '../app-types.js'
import type { Deps } from '../deps.js'
import { createAuthentication } from './authentication.js'
import { createAddressLimits } from './address-limits.js'

/**
 * What every request passes before it is read: the limit of its address, then who it is from. A refused request has cost at
 * most one round trip to Redis, and its body is not parsed.
 */
export async function registerGate(app: App, deps: Deps): Promise<void> {
  const authentication = createAuthentication(app, deps)
  const limitAddress = await createAddressLimits(app, deps)
  app.decorateRequest('caller', null)
  app.addHook('onRequest', async (request, reply) => {
    const { auth } = request.routeOptions.config
    const isOpen = auth === undefined || auth === 'none'
    const pending = isOpen ? null : authentication.begin(request)
    await limitAddress(request, reply)
    if (isOpen) return
    const caller = await authentication.finish(request, pending)
    if (caller?.via === 'cookie') app.cookieSessions.assertOwnRequest(request, caller)
    request.caller = caller
  })
}
