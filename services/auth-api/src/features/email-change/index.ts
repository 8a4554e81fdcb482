import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { emailChangeRoutes } from './routes.js'

export async function emailChange(app: App, { deps }: { deps: Deps }): Promise<void> {
  emailChangeRoutes(app, deps)
}
