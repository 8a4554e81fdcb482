import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { stepUpRoutes } from './routes.js'

export async function stepUp(app: App, { deps }: { deps: Deps }): Promise<void> {
  stepUpRoutes(app, deps)
}
