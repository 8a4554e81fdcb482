import type { App } from '../../app-types.js'
import type { Deps } from '../../deps.js'
import { profileRoutes } from './routes.js'

export async function profile(app: App, { deps }: { deps: Deps }): Promise<void> {
  profileRoutes(app, deps)
}
