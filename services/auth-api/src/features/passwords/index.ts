import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { passwordsRoutes } from './routes.js'

export async function passwords(app: App, { deps }: { deps: Deps }): Promise<void> {
  passwordsRoutes(app, deps)
}
