import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { loginRoutes } from './routes.js'

export async function login(app: App, { deps }: { deps: Deps }): Promise<void> {
  loginRoutes(app, deps)
}
