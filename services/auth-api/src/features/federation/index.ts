import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { identityRoutes } from './identities/routes.js'
import { federationRoutes } from './routes.js'
import { sessionRoutes } from './session/routes.js'

export async function federation(app: App, { deps }: { deps: Deps }): Promise<void> {
  federationRoutes(app, deps)
  sessionRoutes(app, deps)
  identityRoutes(app, deps)
}
