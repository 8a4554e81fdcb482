import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { personalDataRoutes } from './routes.js'

export async function personalData(app: App, { deps }: { deps: Deps }): Promise<void> {
  personalDataRoutes(app, deps)
}
