import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { sessionRoutes } from './routes.js'

export async function sessions(app: App, { deps }: { deps: Deps }): Promise<void> {
  sessionRoutes(app, deps)
}
