import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { securityEventRoutes } from './routes.js'

export async function securityEvents(app: App, { deps }: { deps: Deps }): Promise<void> {
  securityEventRoutes(app, deps)
}
