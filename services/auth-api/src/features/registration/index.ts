import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { registrationRoutes } from './routes.js'

export async function registration(app: App, { deps }: { deps: Deps }): Promise<void> {
  registrationRoutes(app, deps)
}
