import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { healthRoutes } from './routes.js'

export async function health(app: App, { deps }: { deps: Deps }): Promise<void> {
  healthRoutes(app, deps)
}
