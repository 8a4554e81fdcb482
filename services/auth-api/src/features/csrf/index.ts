import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { csrfRoutes } from './routes.js'

export async function csrf(app: App, { deps }: { deps: Deps }): Promise<void> {
  csrfRoutes(app, deps)
}
